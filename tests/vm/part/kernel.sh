# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Kernels: Debian's cloud images, kept as kernel/VERSION with
#   vmlinux       the uncompressed kernel: QEMU enters it directly, about a second sooner
#   config        what it was built with
#   version       what uname -r will say
#   modules/      lib/modules/VERSION, decompressed: under emulation that takes long
#   initramfs     a static busybox and the modules that are needed to reach the root
# and kernel/NAME pointing to the one that NAME stands for. Sourced by setup, after debian.sh.

# shellcheck disable=SC2154 # $cache and $here are setup's
: "$cache" "$here"

# kernel_suite NAME - prints the suite that kernel NAME comes from.
kernel_suite() {
	case $1 in
	cloud) echo trixie ;;
	bookworm) echo bookworm ;;
	sid) echo sid ;;
	*) die "no kernel is called '$1': cloud (Debian 13), bookworm (Debian 12, 6.1) or sid" ;;
	esac
}

# kernel_setup NAME - kernel/NAME is there.
kernel_setup() {
	local suite real
	suite=$(kernel_suite "$1")
	[ ! -e "$cache/kernel/$1/initramfs" ] || [ -n "${refresh:-}" ] || return 0
	debian_lists "$suite"
	# The package that never changes its name depends on the one with the version in it.
	real=$(debian_apt "$suite" cache depends linux-image-cloud-amd64 |
		sed -n 's/.*Depends: linux-image-\([0-9]\)/\1/p;T;q')
	[ -n "$real" ] || die "no cloud kernel in $suite"
	cache_make "kernel/$real" kernel_build "$suite" "$real"
	cache_name "kernel/$1" "$real"
	cache_expire kernel
}

# kernel_build SUITE VERSION DIR
kernel_build() {
	local suite=$1 version=$2 dir=$3 tree=$3/tree found
	local packages=("linux-image-$version")
	# From 7.x on it comes in three, and the one with the old name is empty.
	if debian_apt "$suite" cache show "linux-binary-$version" >/dev/null 2>&1; then
		packages=("linux-binary-$version" "linux-modules-$version" "linux-base-$version")
	fi
	say "kernel $version"
	mkdir "$tree"
	debian_unpack "$suite" "$tree" "${packages[@]}"
	found=$(find "$tree" -name "vmlinuz-$version" -o -name vmlinuz -type f | head -n 1)
	python3 "$here/machine/vmlinux.py" "$found" "$dir/vmlinux"
	found=$(find "$tree" -type d -path "*lib/modules/$version")
	mv "$found" "$dir/modules"
	find "$dir/modules" -name '*.ko.xz' -exec xz -d {} +
	find "$dir/modules" -name '*.ko.zst' -exec zstd -q -d --rm {} +
	rm -f "$dir/modules"/{vmlinuz,build,source,System.map}
	for found in "$tree/boot/config-$version" "$dir/modules/config"; do
		[ ! -e "$found" ] || mv "$found" "$dir/config"
	done
	rm -r "$tree"
	kernel_depmod "$version" "$dir"
	echo "$version" >"$dir/version"
	kernel_initramfs "$dir"
}

# kernel_depmod VERSION DIR - depmod insists on a directory lib/modules/VERSION.
kernel_depmod() {
	local version=$1 dir=$2
	mkdir -p "$dir/base/lib/modules"
	mv "$dir/modules" "$dir/base/lib/modules/$version"
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir/base" "$version"
	mv "$dir/base/lib/modules/$version" "$dir/modules"
	rm -r "$dir/base"
}

# kernel_initramfs DIR
kernel_initramfs() {
	local dir=$1 tree=$1/tree module path line
	mkdir -p "$tree"/{bin,dev,proc,sys,low,new,module}
	cp /bin/busybox "$tree/bin/"
	/bin/busybox --list | while read -r module; do
		[ "$module" = busybox ] || ln -s busybox "$tree/bin/$module"
	done
	# In the order in which they can be loaded; what is built in has no line in modules.dep.
	: >"$tree/module/order"
	for module in virtio_pci virtio_console virtio_blk virtio-rng virtiofs overlay ext4; do
		line=$(grep -E "(^|/)${module/[_-]/[_-]}\.ko:" "$dir/modules/modules.dep") || continue
		for path in $(echo "${line#*:} " | tac -s ' ') "${line%%:*}"; do
			! grep -qx "${path##*/}" "$tree/module/order" || continue
			cp "$dir/modules/$path" "$tree/module/"
			echo "${path##*/}" >>"$tree/module/order"
		done
	done
	(cd "$tree" && find . | LC_ALL=C sort | busybox cpio -o -H newc 2>/dev/null) >"$dir/initramfs"
	rm -r "$tree"
}
