/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel itself: its age, the system calls that have no substitute, sealed memory files,
 * system call filters, device filters.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "host/probe_parts.h"
#include "orlop/auto.h"

enum { FLOOR_MAJOR = 5, FLOOR_MINOR = 14 };

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u		/* Linux 6.3 */
#endif

static void probe_version(struct probe *p)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	if (major > FLOOR_MAJOR || (major == FLOOR_MAJOR && minor >= FLOOR_MINOR))
		probe_ok(p, "kernel", "Linux %s on %s", name.release, name.machine);
	else
		probe_not(p, PROBE_BAD, "kernel", "boot Linux 5.14 or newer", "Linux %s",
			  name.release);
}

/*
 * Called with arguments that every kernel refuses. ENOSYS means that the call is not there, EPERM,
 * for root, that a filter around us keeps it away.
 */
static const struct {
	const char *name;
	long number, first, second, third;
} calls[] = {
	{ "clone3", SYS_clone3, 0, 0, 0 },
	{ "close_range", SYS_close_range, 1, 0, 0 },
	{ "execveat", SYS_execveat, -1, 0, 0 },
	{ "openat2", SYS_openat2, -1, 0, 0 },
	{ "pidfd_open", SYS_pidfd_open, -1, 0, 0 },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, -1, 0, 0 },
	{ "pidfd_getfd", SYS_pidfd_getfd, -1, 0, 0 },
	{ "open_tree", SYS_open_tree, -1, 0, 0x80000 },
	{ "fsopen", SYS_fsopen, 0, -1, 0 },
	{ "fsconfig", SYS_fsconfig, -1, -1, 0 },
	{ "fsmount", SYS_fsmount, -1, -1, 0 },
	{ "move_mount", SYS_move_mount, -1, 0, -1 },
	{ "mount_setattr", SYS_mount_setattr, -1, 0, 0 },
	{ "seccomp", SYS_seccomp, -1, 0, 0 },
	{ "bpf", SYS_bpf, -1, 0, 0 },
};

static void probe_calls(struct probe *p)
{
	struct text missing = TEXT_IN(p->arena), kept = TEXT_IN(p->arena);

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		errno = 0;
		syscall(calls[i].number, calls[i].first, calls[i].second, calls[i].third, 0, 0, 0);
		if (errno == ENOSYS)
			text_printf(&missing, "%s%s", missing.len ? ", " : "", calls[i].name);
		else if (errno == EPERM && geteuid() == 0 && calls[i].number != SYS_bpf)
			text_printf(&kept, "%s%s", kept.len ? ", " : "", calls[i].name);
	}
	if (missing.len)
		probe_not(p, PROBE_BAD, "system calls",
			  "boot Linux 5.14 or newer; inside a container, allow them in its filter",
			  "not there: %s", text_get(&missing));
	if (kept.len)
		probe_not(p, PROBE_BAD, "system calls", "run as root, outside of other containers",
			  "not permitted: %s", text_get(&kept));
	if (!missing.len && !kept.len)
		probe_ok(p, "system calls", "%zu of %zu there", ARRAY_LEN(calls), ARRAY_LEN(calls));
}

/* The program that enters the container is run from such a file. */
static void probe_memfd(struct probe *p)
{
	const char *policy = probe_file(p, "/proc/sys/vm/memfd_noexec");
	auto_fd int fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)	/* before Linux 6.3 all of them can be executed */
		fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		probe_not(p, PROBE_BAD, "memory files",
			  policy && *policy > '1' ? "sysctl vm.memfd_noexec=1 or 0" :
						    "allow memfd_create(2)",
			  "an executable one cannot be made: %s", err_errno_text(errno));
	else if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW))
		probe_not(p, PROBE_BAD, "memory files", "build the kernel with CONFIG_MEMFD_CREATE",
			  "they cannot be sealed: %s", err_errno_text(errno));
	else
		probe_ok(p, "memory files", "executable and sealable");
}

static void probe_seccomp(struct probe *p)
{
	static const struct {
		const char *word;
		uint32_t action;
	} actions[] = {
		{ "kill_process", SECCOMP_RET_KILL_PROCESS }, { "kill_thread", SECCOMP_RET_KILL_THREAD },
		{ "trap", SECCOMP_RET_TRAP }, { "errno", SECCOMP_RET_ERRNO },
		{ "user_notif", SECCOMP_RET_USER_NOTIF }, { "trace", SECCOMP_RET_TRACE },
		{ "log", SECCOMP_RET_LOG }, { "allow", SECCOMP_RET_ALLOW },
	};
	struct text there = TEXT_IN(p->arena), missing = TEXT_IN(p->arena);
	const char *status = probe_file(p, "/proc/self/status");

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		uint32_t action = actions[i].action;
		bool have = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
		struct text *t = have ? &there : &missing;

		text_printf(t, "%s%s", t->len ? " " : "", actions[i].word);
	}
	if (!there.len)
		probe_not(p, PROBE_BAD, "seccomp", "build the kernel with CONFIG_SECCOMP_FILTER",
			  "no system call filters");
	else if (missing.len)
		probe_not(p, PROBE_NOTE, "seccomp", "boot a newer kernel", "actions: %s; missing: %s",
			  text_get(&there), text_get(&missing));
	else
		probe_ok(p, "seccomp", "actions: %s", text_get(&there));
	if (status && strstr(status, "\nSeccomp:\t2"))
		probe_not(p, PROBE_NOTE, "filtered", "run outside of other containers",
			  "this program runs under a system call filter, and so will containers");
}

/* "Return 1": every device is allowed. Loaded and let go. */
static void probe_device_filter(struct probe *p)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uint64_t)(uintptr_t)code,
		.insn_cnt = ARRAY_LEN(code),
		.license = (uint64_t)(uintptr_t)"Apache-2.0",
	};
	auto_fd int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd >= 0)
		probe_ok(p, "device filter", "a cgroup device program can be loaded");
	else if (!probe_is_root(p))
		probe_not(p, PROBE_NOTE, "device filter", "run as root of the host",
			  "not permitted: for users, and in a user namespace, rules are a warning");
	else
		probe_not(p, PROBE_BAD, "device filter",
			  "build the kernel with CONFIG_CGROUP_BPF, and grant CAP_BPF",
			  "a cgroup device program cannot be loaded: %s", err_errno_text(errno));
}

void probe_kernel(struct probe *p)
{
	probe_version(p);
	probe_calls(p);
	probe_memfd(p);
	probe_seccomp(p);
	probe_device_filter(p);
}
