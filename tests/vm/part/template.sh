# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Templates of the full machine: template/NAME-KEY, see machine/template.py. Sourced by setup, after
# disk.sh.

# shellcheck disable=SC2154 # $cache and $here are setup's
: "$cache" "$here"

# template_setup NAME - the template is there as it should be now.
template_setup() {
	local key
	key=$(cd "$here" && python3 -B -m machine.template key "$1")
	cache_make "template/$key" template_build "$1"
	cache_name "template/$1" "$key"
	cache_expire template
}

# template_build NAME DIR
template_build() {
	say "template $1: boots, is prepared and frozen; about a minute"
	(cd "$here" && exec python3 -B -m machine.template freeze "$1" "$2")
}
