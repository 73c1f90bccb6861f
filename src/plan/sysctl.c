/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Kernel parameters: only those that belong to a namespace which the container has to
 * itself or was told to join. Everything else below /proc/sys is the host's.
 */
#include "plan/planner.h"

#include <string.h>

enum { SYSCTL_VALUE_MAX = 4096 };

/*
 * The first row that matches decides, therefore the refused one stands before "kernel/". A prefix
 * that ends in '/' or has `open` set matches what begins with it, the others match exactly.
 */
static const struct {
	const char *prefix;
	bool open;
	enum oci_ns ns;		/* OCI_NS_COUNT_: refused whatever the namespaces are */
	const char *ns_word;
} owners[] = {
	{ "kernel/hostname",	false,	OCI_NS_COUNT_,	NULL },
	{ "kernel/domainname",	false,	OCI_NS_UTS,	"uts" },
	{ "kernel/msg",		true,	OCI_NS_IPC,	"ipc" },
	{ "kernel/sem",		false,	OCI_NS_IPC,	"ipc" },
	{ "kernel/shm",		true,	OCI_NS_IPC,	"ipc" },
	{ "fs/mqueue/",		true,	OCI_NS_IPC,	"ipc" },
	{ "net/",		true,	OCI_NS_NETWORK,	"network" },
	{ "user/",		true,	OCI_NS_USER,	"user" },
};

/*
 * The path below /proc/sys. As sysctl(8) reads keys, the separator that comes first is the
 * separator, and the other character is part of a name: "net.ipv4.conf.eth0/1.forwarding" and
 * "net/ipv4/conf/eth0.1/forwarding" are the same. NULL when a component is empty, "." or "..".
 */
static char *sysctl_path(struct arena *a, const char *key)
{
	char *path = arena_strdup(a, key);
	bool dots = key[strcspn(key, "./")] == '.';

	if (dots) {
		for (char *c = path; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	}
	for (const char *c = path;; c++) {
		size_t len = strcspn(c, "/");

		if (len == 0 || (len <= 2 && strncmp(c, "..", len) == 0))
			return NULL;
		c += len;
		if (!*c)
			return path;
	}
}

static int check_owner(struct planner *p, const char *path, const char *at)
{
	unsigned line = p->config->linux.lines.sysctl;

	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		size_t len = strlen(owners[i].prefix);

		if (strncmp(path, owners[i].prefix, len) != 0 || (!owners[i].open && path[len]))
			continue;
		if (owners[i].ns == OCI_NS_COUNT_) {
			(void)plan_refuse(p, line, at, "may not be set as a sysctl");
			return err_hint(p->e, "use the member \"hostname\"");
		}
		if (plan_find_namespace(p->plan, owners[i].ns))
			return 0;
		(void)plan_refuse(p, line, at,
				  "needs %s %s namespace: the host's value would be changed",
				  owners[i].ns == OCI_NS_IPC ? "an" : "a", owners[i].ns_word);
		return err_hint(p->e, "add { \"type\": \"%s\" } to linux.namespaces",
				owners[i].ns_word);
	}
	return plan_refuse(p, line, at,
			   "belongs to no namespace: it would be changed for the whole host");
}

/* The same thing under two names: one of two values would be in force, and nobody would be told. */
static int check_domainname(struct planner *p, const char *path, const char *value, const char *at)
{
	const char *member = p->config->domainname;

	if (!member || strcmp(path, "kernel/domainname") != 0 || strcmp(value, member) == 0)
		return 0;
	(void)plan_refuse(p, p->config->linux.lines.sysctl, at,
			  "is \"%.80s\", but domainname is \"%.80s\"", value, member);
	return err_hint(p->e, "leave one of the two out");
}

int plan_sysctls(struct planner *p)
{
	const struct pair_list *list = &p->config->linux.sysctl;
	struct pair_list *to = &p->plan->sysctls;
	unsigned line = p->config->linux.lines.sysctl;

	for (size_t i = 0; i < list->count; i++) {
		const char *key = list->items[i].key, *value = list->items[i].value;
		char *at, *path;

		if (plan_has_control(key, false))
			return plan_refuse(p, line, "linux.sysctl",
					   "a key has a control character");
		at = plan_at(p, "linux.sysctl[\"%.80s\"]", key);
		path = sysctl_path(p->a, key);
		if (!path)
			return plan_refuse(p, line, at, "not a kernel parameter's name");
		if (check_owner(p, path, at))
			return -1;
		/* A tab is what the kernel itself puts between the numbers of tcp_rmem. */
		if (plan_has_control(value, true))
			return plan_refuse(p, line, at, "the value has a control character");
		if (strlen(value) > SYSCTL_VALUE_MAX)
			return plan_refuse(p, line, at, "the value is longer than %d bytes",
					   SYSCTL_VALUE_MAX);
		if (check_domainname(p, path, value, at))
			return -1;
		for (size_t k = 0; k < to->count; k++) {
			if (strcmp(to->items[k].key, path) == 0)
				return plan_refuse(p, line, at,
						   "given twice in different spellings");
		}
		LIST_PUSH(p->a, *to, { .key = path, .value = (char *)(uintptr_t)value });
		plan_because_of(p, line, at, "sysctl %s", plan_word(p->a, path));
	}
	return 0;
}
