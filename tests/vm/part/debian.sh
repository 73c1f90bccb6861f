# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Packages of any Debian suite, whatever suite the host runs: downloaded and unpacked into a
# directory with package lists of their own, so that /etc/apt and the host's lists stay as they
# are. The mirror is the one that the host's apt is set up with. Sourced by setup, after cache.sh.

# shellcheck disable=SC2154 # $cache is of cache.sh
: "$cache"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirror - prints the address of the first Debian archive in the apt configuration.
debian_mirror() {
	local m
	# shellcheck disable=SC2016 # apt-get fills in what the $() stands for
	m=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		grep -m1 -E '/debian/?$') ||
		die "no Debian archive (an address that ends in /debian) in the apt configuration"
	echo "${m%/}"
}

# debian_apt SUITE get|cache ARG... - apt-get or apt-cache as it were on a host that has only SUITE.
# Proxies and the like come from the host's configuration; signatures are checked.
debian_apt() {
	local suite=$1 tool=apt-$2 dir
	shift 2
	dir=$cache/apt/$suite
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	echo "deb [signed-by=$keyring] $(debian_mirror) $suite main" >"$dir/sources.list"
	set -- -o Dir::State::Lists="$dir/lists" -o Dir::State::Status=/dev/null \
		-o Dir::Cache="$dir" -o Dir::Cache::Archives="$dir/archives" \
		-o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o APT::Sandbox::User=root -o APT::Architecture=amd64 "$@"
	"$tool" "$@"
}

# debian_lists SUITE - the lists of SUITE are there; fetched again with $refresh set.
debian_lists() {
	local dir=$cache/apt/$1 lock
	mkdir -p "$dir"
	exec {lock}>"$dir/.lock"
	flock "$lock"
	if [ ! -e "$dir/complete" ] || [ -n "${refresh:-}" ]; then
		say "package lists of $1"
		debian_apt "$1" get -qq update
		touch "$dir/complete"
	fi
	exec {lock}>&-
}

# debian_version SUITE PACKAGE - prints the newest version of PACKAGE in SUITE.
debian_version() {
	local v
	v=$(debian_apt "$1" cache show --no-all-versions "$2" | sed -n 's/^Version: //p;T;q')
	[ -n "$v" ] || die "no package $2 in $1"
	echo "$v"
}

# debian_unpack SUITE DIR PACKAGE... - the files of the packages, without those they depend on.
debian_unpack() {
	local suite=$1 dir=$2 deb
	shift 2
	mkdir "$dir.deb"
	(cd "$dir.deb" && debian_apt "$suite" get -qq download "$@")
	for deb in "$dir.deb"/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -r "$dir.deb"
}

# debian_install PACKAGE... - installs what the host lacks, and says so.
debian_install() {
	local p missing=()
	for p; do
		dpkg-query -W -f '${db:Status-Abbrev}\n' "$p" 2>/dev/null | grep -q '^.i' || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "not root, and these packages are missing: ${missing[*]}"
	say "installing: ${missing[*]}"
	apt-cache show "${missing[@]}" >/dev/null 2>&1 || apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 install "${missing[@]}" >"$cache/install.log" 2>&1 || {
		tail -n 20 "$cache/install.log" >&2
		die "apt-get install did not succeed: ${missing[*]}"
	}
}
