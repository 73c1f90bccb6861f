# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Claims in English, one line each (TAP), with what was said when one does not hold. Sourced, also
# inside the roots and machines that the tests enter; `run` counts the lines.

said=$(mktemp)
trap 'rm -f "$said"' EXIT

# claim TEXT FUNCTION [ARG...] - runs it in a subshell, where every command has to succeed. Not to
# be called in a condition: the shell would not stop at the first that does not.
claim() {
	local text=$1 status=0
	shift
	set +e
	(
		set -eo pipefail
		"$@"
	) >"$said" 2>&1 </dev/null
	status=$?
	set -e
	if [ $status = 0 ]; then
		echo "ok - $text"
	else
		echo "not ok - $text"
		tail -n 40 "$said" | sed 's/^/#   /'
	fi
}

# cannot TEXT REASON
cannot() { echo "ok - $1 # SKIP $2"; }
