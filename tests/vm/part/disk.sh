# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The disks of the full machine: disk/KEY/root.img, a Debian with systemd, and modules/VERSION/disk.img
# with the modules of one kernel, so that neither waits for the other. disk/NAME points to one:
#   trixie        Debian 13 with the newest engines
#   bookworm      Debian 12, for its systemd
# KEY stands for the package lists and for the recipe (see disk_key in machine/cache.py). Sourced by
# setup, after kernel.sh.

# shellcheck disable=SC2154 # $cache and $here are setup's
: "$cache" "$here"

# What a system has, whichever it is.
disk_system=(
	systemd systemd-sysv dbus dbus-user-session libpam-systemd udev kmod login passwd
	util-linux util-linux-extra mount procps psmisc file less iproute2
	acl attr libcap2-bin uidmap e2fsprogs python3 strace busybox-static
)
# What the one with engines has besides.
disk_more=(
	iputils-ping nftables iptables socat netcat-openbsd ca-certificates
	xz-utils zstd jq bats gdb-minimal bpftool
	apparmor apparmor-utils
	selinux-policy-default policycoreutils selinux-utils semodule-utils checkpolicy
)
# What is taken from sid, because there it is newer, with what it needs from there.
disk_engines=(
	crun libcriu2 runc criu containerd docker.io docker-cli podman buildah conmon netavark aardvark-dns
	containernetworking-plugins passt slirp4netns fuse-overlayfs catatonit
)

# disk_setup NAME - disk/NAME is there, and is what this recipe makes.
disk_setup() {
	local key suite
	debian_install mmdebstrap e2fsprogs
	for suite in $(cd "$here" && python3 -B -m machine.cache disk-suites "$1"); do
		debian_lists "$suite"
	done
	key=$(cd "$here" && python3 -B -m machine.cache disk-key "$1")
	cache_make "disk/$key" disk_build "$1"
	cache_name "disk/$1" "$key"
	cache_expire disk
}

# disk_build NAME DIR
disk_build() {
	local name=$1 dir=$2 tree=$2/tree
	[ "$(id -u)" = 0 ] || die "not root: the disk is made with chroot"
	say "the disk of the full machine, $name: some minutes"
	# The host's word on how to fetch; mmdebstrap does not look there.
	apt-config dump | grep '^Acquire::' >"$dir/apt.conf" || :
	cat >>"$dir/apt.conf" <<-APT
		APT::Install-Recommends "false";
		APT::Default-Release "$name";
	APT
	"disk_$name" "$dir" >"$cache/disk.log" 2>&1 </dev/null || {
		tail -n 30 "$cache/disk.log" >&2
		die "mmdebstrap did not succeed; all that it said is in $cache/disk.log"
	}
	# mmdebstrap leaves its sources, and with them the address of a mirror.
	rm -rf "$tree"/etc/apt/{sources.list,apt.conf}* "$tree"/var/{lib/apt/lists,cache/apt,log}/*
	rm -f "$tree"/etc/resolv.conf
	# shellcheck disable=SC2016 # dpkg-query fills in what the ${} stand for
	chroot "$tree" dpkg-query -W -f '${Package} ${Version}\n' >"$dir/packages"
	disk_image "$tree" "$dir/root.img" 8G
	rm -rf --one-file-system "$tree"
	rm "$dir/apt.conf"
}

# disk_trixie DIR - the tree of Debian 13 and the engines.
disk_trixie() {
	local guest=$here/guest
	# shellcheck disable=SC2016 # $1 is for the shell that mmdebstrap starts
	disk_debian trixie "$1" "${disk_system[*]} ${disk_more[*]}" \
		--customize-hook="chroot \"\$1\" apt-get install -qq -y -t sid ${disk_engines[*]}" \
		--customize-hook="copy-in '$guest/furnish' '$guest/furnish-engines' '$guest/image.py' /root" \
		--customize-hook='chroot "$1" sh /root/furnish' \
		--customize-hook='chroot "$1" sh /root/furnish-engines' &&
		# The labels that SELinux wants: written now, a first boot has no need to.
		chroot "$1/tree" setfiles -F /etc/selinux/default/contexts/files/file_contexts /
}

# disk_bookworm DIR - the tree of Debian 12.
disk_bookworm() {
	# shellcheck disable=SC2016 # $1 is for the shell that mmdebstrap starts
	disk_debian bookworm "$1" "${disk_system[*]}" \
		--customize-hook="copy-in '$here/guest/furnish' /root" \
		--customize-hook='chroot "$1" sh /root/furnish'
}

# disk_debian SUITE DIR PACKAGES HOOK... - DIR/tree, without what only people read.
disk_debian() {
	local suite=$1 dir=$2 packages=$3 mirror source sources=()
	shift 3
	mirror=$(debian_mirror)
	for source in $(cd "$here" && python3 -B -m machine.cache disk-suites "$suite"); do
		sources+=("deb [signed-by=$keyring] $mirror $source main")
	done
	mmdebstrap --quiet --mode=root --variant=minbase --skip=check/qemu \
		--aptopt="$dir/apt.conf" \
		--dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/doc/* \
		--dpkgopt=path-exclude=/usr/share/locale/* --dpkgopt=path-exclude=/usr/share/info/* \
		--dpkgopt=force-unsafe-io --include="${packages// /,}" "$@" \
		"$suite" "$dir/tree" "${sources[@]}"
}

# disk_image TREE IMAGE SIZE - a sparse ext4 image with TREE in it; nothing is mounted for that.
disk_image() {
	truncate -s "$3" "$2"
	mke2fs -q -t ext4 -O '^has_journal,^metadata_csum' -m 0 \
		-E lazy_itable_init=1,nodiscard,root_owner=0:0 -d "$1" "$2"
}

# disk_modules KERNEL - modules/VERSION is there.
disk_modules() {
	local version
	kernel_setup "$1"
	version=$(cat "$cache/kernel/$1/version")
	cache_make "modules/$version" disk_modules_build "$version"
	cache_name "modules/$1" "$version"
	cache_expire modules
}

# disk_modules_build VERSION DIR
disk_modules_build() {
	disk_image "$cache/kernel/$1/modules" "$2/disk.img" 256M
}
