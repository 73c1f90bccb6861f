# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The disks of the full machine: disk/KEY/root.img, a Debian with systemd and the engines, and
# modules/VERSION/disk.img with the modules of one kernel, so that neither waits for the other.
# KEY stands for the package lists and for the recipe (see disk_key in machine/cache.py). Sourced by
# setup, after kernel.sh.

# shellcheck disable=SC2154 # $cache and $here are setup's
: "$cache" "$here"

# What a system has.
disk_system=(
	systemd systemd-sysv dbus dbus-user-session libpam-systemd udev kmod login passwd
	util-linux util-linux-extra mount procps psmisc file less
	iproute2 iputils-ping nftables iptables socat netcat-openbsd ca-certificates
	acl attr libcap2-bin uidmap e2fsprogs xz-utils zstd jq
	python3 bats strace gdb-minimal bpftool busybox-static
	apparmor apparmor-utils
	selinux-policy-default policycoreutils selinux-utils semodule-utils checkpolicy
)
# What is taken from sid, because there it is newer, with what it needs from there.
disk_engines=(
	crun libcriu2 runc criu containerd docker.io docker-cli podman buildah conmon netavark aardvark-dns
	containernetworking-plugins passt slirp4netns fuse-overlayfs catatonit
)

# disk_setup - disk/current is there, and is what this recipe makes.
disk_setup() {
	local key
	debian_install mmdebstrap e2fsprogs
	debian_lists trixie
	debian_lists sid
	key=$(cd "$here" && python3 -B -m machine.cache disk-key)
	cache_make "disk/$key" disk_build
	cache_name disk/current "$key"
	cache_expire disk
}

# disk_build DIR
disk_build() {
	local dir=$1 tree=$1/tree signed mirror
	[ "$(id -u)" = 0 ] || die "not root: the disk is made with chroot"
	say "the disk of the full machine: some minutes"
	mirror=$(debian_mirror)
	signed="[signed-by=$keyring]"
	# The host's word on how to fetch; mmdebstrap does not look there.
	apt-config dump | grep '^Acquire::' >"$dir/apt.conf" || :
	cat >>"$dir/apt.conf" <<-'APT'
		APT::Install-Recommends "false";
		APT::Default-Release "trixie";
	APT
	# shellcheck disable=SC2016 # $1 is for the shell that mmdebstrap starts
	mmdebstrap --quiet --mode=root --variant=minbase --skip=check/qemu \
		--aptopt="$dir/apt.conf" \
		--dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/doc/* \
		--dpkgopt=path-exclude=/usr/share/locale/* --dpkgopt=path-exclude=/usr/share/info/* \
		--dpkgopt=force-unsafe-io --include="$(IFS=,; echo "${disk_system[*]}")" \
		--customize-hook="chroot \"\$1\" apt-get install -qq -y -t sid ${disk_engines[*]}" \
		--customize-hook="copy-in '$here/guest/furnish' '$here/guest/image.py' /root" \
		--customize-hook='chroot "$1" sh /root/furnish' \
		trixie "$tree" "deb $signed $mirror trixie main" "deb $signed $mirror sid main" \
		>"$cache/disk.log" 2>&1 </dev/null || {
		tail -n 30 "$cache/disk.log" >&2
		die "mmdebstrap did not succeed; all that it said is in $cache/disk.log"
	}
	# mmdebstrap leaves its sources, and with them the address of a mirror.
	rm -rf "$tree"/etc/apt/{sources.list,apt.conf}* "$tree"/var/{lib/apt/lists,cache/apt,log}/*
	rm -f "$tree"/etc/resolv.conf
	# The labels that SELinux wants: written now, a first boot has no need to.
	chroot "$tree" setfiles -F /etc/selinux/default/contexts/files/file_contexts / \
		>>"$cache/disk.log" 2>&1 || die "cannot label the files for SELinux; see $cache/disk.log"
	# shellcheck disable=SC2016 # dpkg-query fills in what the ${} stand for
	chroot "$tree" dpkg-query -W -f '${Package} ${Version}\n' >"$dir/packages"
	disk_image "$tree" "$dir/root.img" 8G
	rm -rf --one-file-system "$tree"
	rm "$dir/apt.conf"
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
