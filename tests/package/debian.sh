# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Debian from elsewhere, made once and kept in the cache of tests/vm: packages of any suite, unpacked;
# and clean roots to install in, made by debootstrap and entered through a layer in memory, so that
# what is kept stays clean. Sourced after claims.sh.

tests_vm=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")/vm
# shellcheck source-path=SCRIPTDIR source=../vm/part/cache.sh
. "$tests_vm/part/cache.sh"
# shellcheck source-path=SCRIPTDIR source=../vm/part/debian.sh
. "$tests_vm/part/debian.sh"
# shellcheck disable=SC2154 # of these two
: "$cache" "$keyring"

# root_of SUITE - prints the place of its root.
root_of() {
	debian_install debootstrap debian-archive-keyring >&2
	cache_make "root/$1" root_build "$1" >&2
	echo "$cache/root/$1"
}

# root_build SUITE DIR
root_build() {
	say "a root with nothing but Debian $1: a minute"
	debootstrap --variant=minbase --include=man-db,bash-completion --keyring="$keyring" \
		"$1" "$2" "$(debian_mirror)" >"$cache/root.log" 2>&1 </dev/null || {
		tail -n 20 "$cache/root.log" >&2
		die "debootstrap did not succeed; all that it said is in $cache/root.log"
	}
	rm -rf "$2"/var/{cache/apt/archives,lib/apt/lists}/*
	: >"$2/etc/resolv.conf"
}

# root_enter [--network] SUITE DIR COMMAND... - runs a command in a copy of the root that is gone
# afterwards, with DIR of the host as /mnt, read-only: namespaces of its own, pure cgroup v2, and
# no network, or the host's. What it writes stays in $root_layer/upper when that names a directory,
# but for /run and /tmp.
root_enter() {
	local root network=(--net)
	if [ "$1" = --network ]; then
		network=()
		shift
	fi
	root=$(root_of "$1")
	# shellcheck disable=SC2016 # for the shell inside
	unshare --mount --pid --fork --kill-child "${network[@]}" --propagation private \
		bash -euc '
		root=$1 shared=$2
		shift 2
		if [ -n "${root_layer:-}" ]; then
			mount --bind "$root_layer" /mnt
		else
			mount -t tmpfs -o mode=755 layer /mnt
		fi
		mkdir /mnt/{upper,work,root}
		mount -t overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" root /mnt/root
		cd /mnt/root
		mount --rbind /dev dev
		mount -t proc proc proc
		mount -t sysfs sysfs sys
		mount -t cgroup2 cgroup2 sys/fs/cgroup
		mount -t tmpfs tmpfs run
		mount -t tmpfs tmpfs tmp
		mount --bind "$shared" mnt
		mount -o remount,bind,ro mnt
		pivot_root . .
		umount -l .
		exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root LC_ALL=C.UTF-8 "$@"' \
		root_enter "$root" "$2" "${@:3}"
}

# unpacked SUITE PACKAGE - prints where the files of its newest version are.
unpacked() {
	local version
	debian_lists "$1" >&2
	version=$(debian_version "$1" "$2")
	cache_make "$2/$version" unpacked_build "$1" "$2" >&2
	echo "$cache/$2/$version"
}

# unpacked_build SUITE PACKAGE DIR
unpacked_build() {
	debian_unpack "$1" "$3/files" "$2"
	mv "$3"/files/* "$3"
	rmdir "$3/files"
}
