# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The form of both selftests: claims in English, one line each (TAP), in a directory of their own.
# Sourced; changes into that directory, which is removed at the end.

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
count=0 bad=0 rc=

# claim TEXT STATUS - the line of one claim; what was said is shown if it does not hold.
claim() {
	count=$((count + 1))
	if [ "$2" = 0 ]; then
		echo "ok $count - $1"
	else
		bad=$((bad + 1))
		echo "not ok $count - $1"
		sed 's/^/# /' out err
	fi
}

# expect TEXT - of the last machine: status 0 and exactly this output.
expect() {
	[ "$rc" = 0 ] && [ "$(cat out)" = "$1" ]
}

# claims_done - the last line; ends with 1 if a claim did not hold.
claims_done() {
	echo "1..$count"
	[ $bad = 0 ] || { echo "# $bad of $count claims do not hold"; exit 1; }
}
