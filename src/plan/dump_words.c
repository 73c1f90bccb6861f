/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Flags and numbers of the plan in the words that users write them in.
 */
#include "plan/dump.h"

#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "base/names.h"
#include "oci/words.h"

const char *const dump_mount_kinds[PLAN_MOUNT_KIND_COUNT_] = {
	[PLAN_MOUNT_FS] = "fs", [PLAN_MOUNT_BIND] = "bind", [PLAN_MOUNT_CGROUP] = "cgroup",
	[PLAN_MOUNT_REMOUNT] = "remount",
};

const char *const dump_drivers[PLAN_CGROUP_DRIVER_COUNT_] = {
	[PLAN_CGROUP_CGROUPFS] = "cgroupfs", [PLAN_CGROUP_SYSTEMD] = "systemd",
	[PLAN_CGROUP_DISABLED] = "disabled",
};

/* The access time modes share a field: MOUNT_ATTR__ATIME is the mask of it. */
static const struct name attrs[] = {
	{ "ro", MOUNT_ATTR_RDONLY },
	{ "nosuid", MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV },
	{ "noexec", MOUNT_ATTR_NOEXEC },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW },
	{ "noatime", MOUNT_ATTR_NOATIME },
	{ "strictatime", MOUNT_ATTR_STRICTATIME },
	{ "", 0 }
};

const char *dump_attrs(struct arena *a, uint64_t set)
{
	struct text t = TEXT_IN(a);

	if ((set & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME) {
		text_puts(&t, "atime");
		set &= ~(uint64_t)MOUNT_ATTR__ATIME;
	}
	for (const struct name *n = attrs; n->word[0]; n++) {
		if (set & n->value)
			text_printf(&t, "%s%s", t.len ? "," : "", n->word);
	}
	return text_get(&t);
}

const char *dump_propagation(struct arena *a, uint64_t flags, bool recursive)
{
	const char *word = "unchanged";

	if (flags & MS_SHARED)
		word = "shared";
	else if (flags & MS_SLAVE)
		word = "slave";
	else if (flags & MS_PRIVATE)
		word = "private";
	else if (flags & MS_UNBINDABLE)
		word = "unbindable";
	return recursive ? arena_printf(a, "r%s", word) : word;
}

const char *dump_cap(struct arena *a, unsigned n)
{
	const char *word = names_word(words_capabilities, n);

	return word ? word : arena_printf(a, "CAP_%u", n);
}

const char *dump_device_type(enum oci_device_type type)
{
	static const char *const words[OCI_DEVICE_COUNT_] = {
		[OCI_DEVICE_ALL] = "a", [OCI_DEVICE_CHAR] = "c", [OCI_DEVICE_BLOCK] = "b",
		[OCI_DEVICE_FIFO] = "p",
	};

	return words[type];
}

const char *dump_numbers(struct arena *a, int64_t major, int64_t minor)
{
	const char *first = major < 0 ? "*" : arena_printf(a, "%lld", (long long)major);

	if (minor < 0)
		return arena_printf(a, "%s:*", first);
	return arena_printf(a, "%s:%lld", first, (long long)minor);
}

const char *dump_access(struct arena *a, unsigned access)
{
	return arena_printf(a, "%s%s%s", access & PLAN_ACCESS_READ ? "r" : "",
			    access & PLAN_ACCESS_WRITE ? "w" : "",
			    access & PLAN_ACCESS_MKNOD ? "m" : "");
}

const char *dump_limit(struct arena *a, uint64_t value)
{
	if (value == RLIM_INFINITY)
		return "unlimited";
	return arena_printf(a, "%llu", (unsigned long long)value);
}

const char *dump_unit_value(struct arena *a, const struct plan_unit_property *u)
{
	struct text t = TEXT_IN(a);

	switch (u->type) {
	case 'b':
		return u->number ? "yes" : "no";
	case 's':
		return plan_word(a, u->text);
	case 'y':
		for (size_t i = 0; i < u->len; i++)
			text_printf(&t, "%02x", u->bytes[i]);
		return text_get(&t);
	default:
		return u->number == UINT64_MAX ? "infinity" :
		       arena_printf(a, "%llu", (unsigned long long)u->number);
	}
}

const char *dump_flags(struct arena *a, const struct name *table, uint64_t flags)
{
	struct text t = TEXT_IN(a);

	for (; table->word[0]; table++)
		if (flags & table->value)
			text_printf(&t, " %s", table->word);
	return text_get(&t);
}
