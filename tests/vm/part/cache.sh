# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The cache of the test machine: where things are kept, and how one is put there so that a build
# that was killed leaves nothing that looks finished and two builds do not meet. Sourced by setup.
# Knows nothing of what is kept.

: "${ORLOP_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/orlop}"
cache=$ORLOP_CACHE/vm
mkdir -p "$cache"
cache=$(cd "$cache" && pwd -P)

say() { echo "vm: $*" >&2; }
die() { echo "vm: $*" >&2; exit 1; }

# cache_make NOUN/KEY BUILDER [ARG...] - afterwards $cache/NOUN/KEY exists. If it does not yet,
# `BUILDER ARG... DIR` is run to fill the empty directory DIR, which is then renamed in one step.
# The lock of NOUN is held meanwhile, so DIRs of others that are still there were left by the dead.
cache_make() {
	local want=$cache/$1 noun=$cache/${1%%/*}
	shift
	[ ! -e "$want" ] || return 0
	mkdir -p "$noun"
	local lock
	exec {lock}>"$noun/.lock"
	flock -n "$lock" || { say "waiting for another build in $noun"; flock "$lock"; }
	if [ ! -e "$want" ]; then
		rm -rf --one-file-system "$noun"/.new.*
		local new
		new=$(mktemp -d "$noun/.new.XXXXXX")
		chmod 755 "$new"
		"$@" "$new"
		mv -T "$new" "$want"
	fi
	exec {lock}>&-
}

# cache_name NOUN/NAME KEY - the short name is from now on that of NOUN/KEY.
cache_name() {
	local link=$cache/$1
	[ "$(readlink "$link" || :)" = "$2" ] || {
		ln -sfn "$2" "$link.$$"
		mv -T "$link.$$" "$link"
	}
}

# cache_expire NOUN - what is in NOUN, has no short name and is older than a day is gone: a build
# beside this one has not named its work yet, or another checkout wants another version of it.
cache_expire() {
	local entry
	find "$cache/$1" -mindepth 1 -maxdepth 1 -type d -mtime +0 ! -name '.*' | while read -r entry; do
		find "$cache/$1" -maxdepth 1 -type l -lname "${entry##*/}" | grep -q . ||
			rm -rf --one-file-system "$entry"
	done
}
