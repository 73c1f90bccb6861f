# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The emulator. QEMU 7.2, which Debian 12 has, gets cmpxchg16b wrong when it emulates (the flags are
# spoilt), and about one boot in ten of these kernels ends in a double fault. So where the system's
# QEMU is older than 10, the one of bookworm-backports is unpacked into the cache, and runs with the
# libraries that the system's has brought. Sourced by setup, after debian.sh.

# shellcheck disable=SC2154 # $cache is of cache.sh
: "$cache"

# qemu_setup - qemu/current/bin has qemu-system-x86_64 and qemu-img, and virtiofsd is beside them.
qemu_setup() {
	local installed backport
	[ ! -e "$cache/qemu/current" ] || [ -n "${refresh:-}" ] || return 0
	debian_install qemu-system-x86 qemu-utils
	[ -e /usr/lib/qemu/virtiofsd ] || debian_install virtiofsd
	installed=$(dpkg-query -W -f '${Version}' qemu-system-x86)
	if dpkg --compare-versions "$installed" ge 1:10; then
		cache_make "qemu/system-${installed#*:}" qemu_system
		cache_name qemu/current "system-${installed#*:}"
		cache_expire qemu
		return
	fi
	debian_lists bookworm-backports
	backport=$(debian_version bookworm-backports qemu-system-x86)
	backport=${backport#*:}
	cache_make "qemu/$backport" qemu_backport
	cache_name qemu/current "$backport"
	cache_expire qemu
}

# qemu_virtiofsd DIR - the system's: the C program of QEMU 7, later the Rust one of its own package.
qemu_virtiofsd() {
	local path
	for path in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd; do
		[ ! -x "$path" ] || { ln -s "$path" "$1/bin/virtiofsd"; return; }
	done
	die "no virtiofsd after its package was installed"
}

# qemu_system DIR
qemu_system() {
	mkdir "$1/bin"
	ln -s "$(command -v qemu-system-x86_64)" "$(command -v qemu-img)" "$1/bin/"
	qemu_virtiofsd "$1"
}

# qemu_backport DIR
qemu_backport() {
	say "QEMU of bookworm-backports"
	mkdir "$1/tree"
	debian_unpack bookworm-backports "$1/tree" \
		qemu-system-x86 qemu-system-common qemu-system-data qemu-utils seabios
	mkdir "$1/bin"
	ln -s ../tree/usr/bin/qemu-system-x86_64 ../tree/usr/bin/qemu-img "$1/bin/"
	ln -s ../tree/usr/lib/x86_64-linux-gnu/qemu "$1/module"
	qemu_virtiofsd "$1"
	! ldd "$1"/tree/usr/bin/qemu-{system-x86_64,img} | grep 'not found' >&2 ||
		die "QEMU of bookworm-backports wants libraries that the system's has not brought"
}
