/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/hooks.h"
#include "orlop/auto.h"

static const char *const step_names[] = {
#define X(word, name, function, kinds) name,
	CHILD_STEPS(X)
#undef X
};

const char *failure_step_name(uint32_t step)
{
	return step < ARRAY_LEN(step_names) ? step_names[step] : "unknown step";
}

/* What the child calls by a number of its own. */
static const struct {
	int error;
	const char *text;
} own_errors[] = {
	{ CHILD_E_NOT_ORDINARY, "must be mounted on ordinary directory" },
	{ CHILD_E_DEVICE_DIFFERS, "something else of that name is there" },
	{ CHILD_E_NOT_DEVNULL, "the host's /dev/null is not the null device" },
	{ CHILD_E_NO_DEVPTS, "a terminal needs a devpts mount at /dev/pts" },
	{ CHILD_E_HOOK_TIMEOUT, "took longer than its timeout and was killed" },
	{ CHILD_E_PARENT_GONE, "the other side went away" },
	{ CHILD_E_PROTOCOL, "unexpected message" },
	{ CHILD_E_TOO_DEEP, "directories are nested too deeply" },
	{ CHILD_E_LABEL, "is not in force after it was written" },
	{ CHILD_E_OUTSIDE, "is outside of the container" },
};

static const char *reason(int error)
{
	for (size_t n = 0; n < ARRAY_LEN(own_errors); n++)
		if (own_errors[n].error == error)
			return own_errors[n].text;
	return err_errno_text(error);
}

static int plain(const struct child_message *m, struct err *e, const char *what)
{
	if (m->error < CHILD_E_NOT_FOUND)
		return err_sys_code(e, m->error, "%s", what);
	return err_set(e, ERR_SYSTEM, "%s: %s", what, reason(m->error));
}

int failure_in_mount(const struct plan_mount *mount, struct err *e)
{
	const char *source = mount->source ? mount->source : mount->fstype;

	if (mount->index != SIZE_MAX)
		err_in(e, "mounts[%zu]", mount->index);
	return err_in(e, "error mounting \"%s\" to rootfs at \"%s\"", source ? source : "",
		      mount->target);
}

static int mount_failed(const struct child_message *m, const struct plan *plan, struct err *e)
{
	const struct plan_mount *mount = &plan->mounts.items[m->item];

	if (m->error == CHILD_E_IN_PROC)
		err_set(e, ERR_POLICY, "\"%s\" cannot be mounted because it is inside /proc",
			mount->target);
	else if (mount->kind == PLAN_MOUNT_REMOUNT)
		err_set(e, ERR_SYSTEM, "error remounting \"%s\": %s", mount->target,
			reason(m->error));
	else if (m->error == CHILD_E_NOT_ORDINARY)
		err_set(e, ERR_POLICY, "filesystem \"%s\" must be mounted on ordinary directory",
			mount->fstype ? mount->fstype : "");
	else
		err_set(e, ERR_SYSTEM, "%s%s%s", m->detail, m->detail[0] ? ": " : "",
			reason(m->error));
	e->code = m->error < CHILD_E_NOT_FOUND ? m->error : 0;
	failure_in_mount(mount, e);
	if (m->error == EACCES && plan->uid_maps.count)
		err_hint(e, "container root is an ordinary user on the host: it needs the right "
			    "to search every directory on the way");
	if (m->error == EEXIST && mount->copy_link)
		err_hint(e, "the image has something else there, and \"copy-symlink\" replaces "
			    "nothing");
	if (m->error == EINVAL && mount->kind == PLAN_MOUNT_REMOUNT)
		err_hint(e, "it changes an earlier mount, and none may be at that very path");
	if (strstr(m->detail, "Unknown parameter"))
		err_hint(e, "what is no option of mounts in general goes to the file system, each "
			    "string of the array as one option");
	if (m->error == ENODEV && mount->fstype)
		err_hint(e, "this kernel has no file system \"%s\"; a bind mount has \"bind\" among "
			    "its options", mount->fstype);
	return -1;
}

/* The program was looked for at create; the texts are Go's, because engines look for them. */
static int program_failed(const struct child_message *m, struct err *e)
{
	e->code = 0;
	if (m->error == CHILD_E_NOT_FOUND)
		return err_set(e, ERR_SYSTEM, "exec: \"%s\": executable file not found in $PATH",
			       m->detail);
	if (m->error == ENOENT || m->error == ENOTDIR || m->error == ELOOP)
		return err_sys_code(e, m->error, "exec: \"%s\": stat %s", m->detail, m->detail);
	/* What execve says of a directory; without it Podman's status of an exec is 255, not 126. */
	if (m->error == EISDIR)
		return err_sys_code(e, EACCES, "exec: \"%s\": is a directory", m->detail);
	return err_sys_code(e, m->error, "exec: \"%s\"", m->detail);
}

static int hook_failed(const struct child_message *m, const char *kind, struct err *e)
{
	size_t len = strlen(m->detail);
	char words[64];

	/* "PATH: " and what the hook said, if anything. */
	if (len > 2 && strcmp(m->detail + len - 2, ": ") == 0)
		len -= 2;
	if (m->error == CHILD_E_HOOK_STATUS)
		hooks_failed((int)m->value, words, sizeof(words));
	if (m->item < 0)
		return err_set(e, ERR_SYSTEM, "error running %s hooks: %s", kind, reason(m->error));
	return err_set(e, ERR_SYSTEM, "error running %s hook #%d: %s: %.*s", kind, m->item,
		       m->error == CHILD_E_HOOK_STATUS ? words : reason(m->error), (int)len,
		       m->detail);
}

static int join_failed(const struct child_message *m, const struct plan *plan, struct err *e)
{
	int at = 0;

	for (size_t n = 0; n < plan->namespaces.count; n++) {
		const struct plan_namespace *ns = &plan->namespaces.items[n];

		if (ns->path && at++ == m->item)
			return err_sys_code(e, m->error, "join namespace %s", ns->path);
	}
	return plain(m, e, "join namespaces");
}

static int root_failed(const struct child_message *m, const struct plan *plan, struct err *e)
{
	err_sys_code(e, m->error, "root file system %s", plan->rootfs);
	if (m->error == ENOTDIR)
		err_hint(e, "it was a directory a moment ago: something exchanges it");
	if (m->error == EACCES && plan->uid_maps.count)
		err_hint(e, "container root is an ordinary user on the host: it needs the right "
			    "to search every directory on the way");
	return -1;
}

static int label_failed(const struct child_message *m, struct err *e)
{
	char what[CHILD_DETAIL + 96];

	if (m->item == 0) {
		snprintf(what, sizeof(what), "process.selinuxLabel \"%s\"", m->detail);
		return plain(m, e, what);
	}
	snprintf(what, sizeof(what),
		 "unable to apply apparmor profile: apparmor failed to apply profile \"%s\"",
		 m->detail);
	plain(m, e, what);
	if (m->error == ENOENT)
		err_hint(e, "no profile of that name is loaded: see apparmor_parser(8)");
	return -1;
}

/* Steps of one call, with what it means when the kernel finds it invalid. */
static int refused(const struct child_message *m, struct err *e)
{
	static const struct {
		uint32_t step;
		const char *what, *hint;
	} calls[] = {
		{ CHILD_STEP_PROPAGATION, "mount propagation",
		  "\"/\" is not a mount: this is a chroot, and containers are made where "
		  "pivot_root(2) was used instead" },
		{ CHILD_STEP_SECCOMP, "load the seccomp filter",
		  "the kernel knows a flag of linux.seccomp.flags not, or the profile is too long" },
		{ CHILD_STEP_MEMORY, "memory policy",
		  "of linux.memoryPolicy.nodes at least one has to be there, and in the cgroup's "
		  "cpuset: see /sys/devices/system/node/online" },
	};

	for (size_t n = 0; n < ARRAY_LEN(calls); n++) {
		if (calls[n].step != m->step)
			continue;
		err_sys_code(e, m->error, "%s", calls[n].what);
		if (m->error == EINVAL)
			err_hint(e, "%s", calls[n].hint);
	}
	return -1;
}

int failure_report(const struct child_message *m, const struct plan *plan,
		   const struct plan_process *process, struct err *e)
{
	char what[CHILD_DETAIL + 64];

	e->code = 0;
	switch (m->step) {
	case CHILD_STEP_MOUNTS:
		if (m->item >= 0 && (size_t)m->item < plan->mounts.count)
			return mount_failed(m, plan, e);
		break;
	case CHILD_STEP_PROPAGATION:
	case CHILD_STEP_SECCOMP:
	case CHILD_STEP_MEMORY:
		return refused(m, e);
	case CHILD_STEP_JOIN:
		return join_failed(m, plan, e);
	case CHILD_STEP_ROOT:
		return root_failed(m, plan, e);
	case CHILD_STEP_LABEL:
		if (m->item >= 0)
			return label_failed(m, e);
		break;
	case CHILD_STEP_HOOKS:
		return hook_failed(m, "createContainer", e);
	case CHILD_STEP_START_HOOKS:
		return hook_failed(m, "startContainer", e);
	case CHILD_STEP_CWD:
		if (m->error < CHILD_E_NOT_FOUND)
			return err_sys_code(e, m->error, "chdir to cwd (\"%s\") set in config.json failed",
					    process->cwd);
		break;
	case CHILD_STEP_PROGRAM:
		return program_failed(m, e);
	case CHILD_STEP_EXEC:
		err_sys_code(e, m->error, "exec %s", m->detail);
		if (m->error == E2BIG)
			err_hint(e, "process.args and process.env may have a quarter of RLIMIT_STACK "
				    "together, 6 MiB at most, and 128 KiB each string");
		return -1;
	default:
		break;
	}
	if (m->detail[0]) {
		snprintf(what, sizeof(what), "%s %s", failure_step_name(m->step), m->detail);
		plain(m, e, what);
		if (m->step == CHILD_STEP_IDENTITY && m->error == EINVAL)
			err_hint(e, "process.user has an id that the user namespace does not map");
		return -1;
	}
	return plain(m, e, failure_step_name(m->step));
}
