#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# plan_pure.sh ARCHIVE: the planner asks nobody. Its objects in the archive may call our own pure
# functions and a handful of the C library's, and have no memory of their own that can be written.
set -eu

archive=$1
ours='arena|dump|emit|err|limit|limits|mount_options|names|plan|text|words'
libc='(bcmp|mem(chr|cmp|cpy|move|set)|str(chr|rchr|cmp|ncmp|len|cspn|spn|pbrk|str)|v?snprintf)'
known="^(${ours})_[a-z0-9_]*\$|^(__)?${libc}(_chk)?\$|^__stack_chk_fail\$|^_GLOBAL_OFFSET_TABLE_\$"

calls=$(nm -A -u "$archive" | sed -n 's/.*plan_[a-z_]*\.c\.o: *U //p' | sort -u)
[ -n "$calls" ] || { echo "$archive has no objects of the planner" >&2; exit 1; }
unknown=$(echo "$calls" | grep -vE "$known" || true)

# .data.rel.ro is constant once the program was loaded.
memory=$(size -A "$archive" | awk '
	/\(ex .*\):$/ { planner = $1 ~ /plan_[a-z_]*\.c\.o$/; name = $1 }
	planner && $1 ~ /^\.(t?bss|t?data)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 { print name, $1 }')

[ -z "$unknown" ] || echo "the planner calls: $unknown"
[ -z "$memory" ] || echo "the planner can write to: $memory"
[ -z "$unknown$memory" ]
