/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Who the program will be: label, keyring, bounding set, groups, ids, capabilities.
 * The parent reads all of it back from /proc before it lets the program start.
 */
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "child/bytes.h"
#include "child/child.h"
#include "child/procfs.h"

enum { ITEM_SELINUX, ITEM_APPARMOR, LABEL_ROOM = 4096 };

/* What the module answers to a label: the same, perhaps with " (enforce)" or a newline behind. */
static int check_label(int procfs, const char *file, const char *label)
{
	static char have[LABEL_ROOM];
	long n = procfs_read(procfs, file, have, sizeof(have));
	size_t len = strlen(label);

	if (n < 0)
		return (int)n;
	return bytes_begin(have, label) && (!have[len] || have[len] == '\n' || have[len] == ' ') ?
		0 : -CHILD_E_LABEL;
}

/* Keys that the container makes are the container's as well. */
static int label_selinux(struct child *c, int procfs, const char *label)
{
	int error = procfs_write(procfs, "self/attr/exec", label);

	if (error >= 0)
		error = check_label(procfs, "self/attr/exec", label);
	if (error >= 0 && child_flag(c, CHILD_NEW_KEYRING))
		error = procfs_write(procfs, "self/attr/keycreate", label);
	return error;
}

/* The module has a directory of its own since Linux 5.8 where it is built in. */
static int label_apparmor(int procfs, const char *order)
{
	const char *file = "self/attr/apparmor/exec";
	int error = procfs_exists(procfs, file);

	if (error == -ENOENT)
		file = "self/attr/exec";
	else if (error < 0)
		return error;
	error = procfs_write(procfs, file, order);
	/* "exec NAME" was the order, NAME is what it then says. */
	return error < 0 ? error : check_label(procfs, file, order + strlen("exec "));
}

/*
 * Takes effect at exec. A process reads back what it ordered itself: AppArmor shows the order to
 * nobody else.
 */
int step_label(struct child *c)
{
	const char *apparmor = child_string(c, c->plan->apparmor);
	const char *selinux = child_string(c, c->plan->selinux);
	int procfs, error = 0;

	if (!apparmor && !selinux)
		return 0;
	procfs = procfs_open(true);
	if (procfs < 0)
		return procfs;
	if (selinux) {
		c->item = ITEM_SELINUX;
		child_detail(c, selinux);
		error = label_selinux(c, procfs, selinux);
	}
	if (error >= 0 && apparmor) {
		c->item = ITEM_APPARMOR;
		child_detail(c, apparmor + strlen("exec "));
		error = label_apparmor(procfs, apparmor);
	}
	sys_close(procfs);
	return error;
}

/*
 * A session keyring without a name: nothing of the caller's is in it, and no other container can
 * join it. Kernels built without keys have none to leak.
 */
static int new_keyring(void)
{
	long error = SYS(keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);

	return error < 0 && error != -ENOSYS ? (int)error : 0;
}

static int drop_bounding(const struct child_plan *plan)
{
	for (uint32_t cap = 0; cap <= plan->cap_last; cap++) {
		long error;

		if (!(plan->cap_drop & (1ULL << cap)))
			continue;
		error = SYS(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (error < 0)
			return (int)error;
	}
	return 0;
}

static int set_uid(uint32_t uid)
{
	long error = uid ? SYS(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0) : 0;

	if (error >= 0)
		error = SYS(setresuid, uid, uid, uid);
	if (error >= 0 && uid)
		error = SYS(prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return (int)error;
}

static int set_ids(struct child *c)
{
	const struct child_plan *plan = c->plan;
	/* In a user namespace the numbers we were born with mean somebody else. */
	bool known = !child_flag(c, CHILD_USER_NS);
	long error = 0;

	if (child_flag(c, CHILD_SET_GROUPS))
		error = SYS(setgroups, plan->groups.count, child_items(c, plan->groups));
	/* A user namespace that was joined may forbid it; nothing was asked for, then. */
	if (error == -EPERM && !plan->groups.count && child_flag(c, CHILD_USER_NS))
		error = 0;
	if (error >= 0 && !(known && c->gid == plan->gid))
		error = SYS(setresgid, plan->gid, plan->gid, plan->gid);
	if (error >= 0 && !(known && c->uid == plan->uid))
		error = set_uid(plan->uid);
	return (int)error;
}

/*
 * Loading a filter without no_new_privs needs CAP_SYS_ADMIN until the very end. It does not reach
 * the program: exec gives root what the bounding and inheritable sets hold, and everybody else the
 * ambient set (capabilities(7), "Transformation of capabilities during execve()").
 */
static uint64_t until_exec(const struct child *c)
{
	if (!c->plan->filter.count || child_flag(c, CHILD_NO_NEW_PRIVS))
		return 0;
	return 1ULL << CAP_SYS_ADMIN;
}

static int set_capabilities(struct child *c)
{
	const struct child_plan *plan = c->plan;
	uint64_t more = until_exec(c);
	uint64_t effective = plan->cap_effective | more, permitted = plan->cap_permitted | more;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)plan->cap_inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(plan->cap_inheritable >> 32) },
	};
	long error = SYS(capset, &head, data);

	for (uint32_t cap = 0; cap <= plan->cap_last && error >= 0; cap++)
		if (plan->cap_ambient & (1ULL << cap))
			error = SYS(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return (int)error;
}

/*
 * Raising a hard limit, or any limit from inside a user namespace, is not ours to do: the parent
 * does it then, which may have the right. Scheduling is always the parent's: it needs the same.
 */
int step_limits(struct child *c)
{
	const struct child_rlimit *limits = child_items(c, c->plan->rlimits);
	bool ask = child_flag(c, CHILD_SCHEDULED);
	int word;

	for (uint32_t n = 0; n < c->plan->rlimits.count; n++) {
		uint64_t limit[2] = { limits[n].soft, limits[n].hard };
		long error = SYS(prlimit64, 0, limits[n].resource, limit, NULL);

		if (error < 0 && error != -EPERM)
			return (int)error;
		ask = ask || error < 0;
	}
	if (!ask)
		return 0;
	word = child_send(c, CHILD_WANTS_LIMITS, CHILD_STEP_LIMITS, -1);
	if (word >= 0)
		word = child_receive(c, NULL);
	if (word != PARENT_GO)
		return word < 0 ? word : -CHILD_E_PROTOCOL;
	return 0;
}

int step_identity(struct child *c)
{
	int error = child_flag(c, CHILD_NEW_KEYRING) ? new_keyring() : 0;

	if (error < 0) {
		child_detail(c, "session keyring");
		return error;
	}
	error = drop_bounding(c->plan);
	if (error < 0) {
		child_detail(c, "bounding set");
		return error;
	}
	error = set_ids(c);
	if (error < 0) {
		child_detail(c, "user and groups");
		return error;
	}
	SYS(umask, child_flag(c, CHILD_SET_UMASK) ? c->plan->umask : c->old_umask);
	if (child_flag(c, CHILD_NO_NEW_PRIVS))
		error = (int)SYS(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (error >= 0) {
		error = set_capabilities(c);
		if (error < 0)
			child_detail(c, "capabilities");
	}
	/* Changing ids made us dumpable as the kernel's default says; that is undone. */
	if (error >= 0)
		error = (int)SYS(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	return error;
}
