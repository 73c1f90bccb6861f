/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain arrays in the order of their numbers, unless a comment says otherwise. PURE.
 */
#include "oci/words.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/personality.h>
#include <sys/resource.h>

/* Younger than the headers of Debian 12. */
#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE 6	/* Linux 6.9 */
#endif

/*
 * In the order of joining. The user namespace is first, because the right to join the others is
 * held inside it. The mount namespace is last, because after it the paths of the others would
 * resolve somewhere else. pid and time take effect for children only, so their place is free.
 */
#define NAMESPACES(row) \
	row(OCI_NS_USER, "user", CLONE_NEWUSER, "user") \
	row(OCI_NS_CGROUP, "cgroup", CLONE_NEWCGROUP, "cgroup") \
	row(OCI_NS_IPC, "ipc", CLONE_NEWIPC, "ipc") \
	row(OCI_NS_UTS, "uts", CLONE_NEWUTS, "uts") \
	row(OCI_NS_NETWORK, "network", CLONE_NEWNET, "net") \
	row(OCI_NS_PID, "pid", CLONE_NEWPID, "pid") \
	row(OCI_NS_TIME, "time", CLONE_NEWTIME, "time") \
	row(OCI_NS_MOUNT, "mount", CLONE_NEWNS, "mnt")

#define NS_DETAILS(type, word, flag, proc) [type] = { word, flag, proc },
#define NS_NAME(type, word, flag, proc) { word, type },

const struct words_ns words_ns[OCI_NS_COUNT_] = { NAMESPACES(NS_DETAILS) };

const struct name words_namespaces[] = { NAMESPACES(NS_NAME){ "", 0 } };

const struct name words_capabilities[] = {
	{ "CAP_CHOWN", CAP_CHOWN },
	{ "CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE },
	{ "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH },
	{ "CAP_FOWNER", CAP_FOWNER },
	{ "CAP_FSETID", CAP_FSETID },
	{ "CAP_KILL", CAP_KILL },
	{ "CAP_SETGID", CAP_SETGID },
	{ "CAP_SETUID", CAP_SETUID },
	{ "CAP_SETPCAP", CAP_SETPCAP },
	{ "CAP_LINUX_IMMUTABLE", CAP_LINUX_IMMUTABLE },
	{ "CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE },
	{ "CAP_NET_BROADCAST", CAP_NET_BROADCAST },
	{ "CAP_NET_ADMIN", CAP_NET_ADMIN },
	{ "CAP_NET_RAW", CAP_NET_RAW },
	{ "CAP_IPC_LOCK", CAP_IPC_LOCK },
	{ "CAP_IPC_OWNER", CAP_IPC_OWNER },
	{ "CAP_SYS_MODULE", CAP_SYS_MODULE },
	{ "CAP_SYS_RAWIO", CAP_SYS_RAWIO },
	{ "CAP_SYS_CHROOT", CAP_SYS_CHROOT },
	{ "CAP_SYS_PTRACE", CAP_SYS_PTRACE },
	{ "CAP_SYS_PACCT", CAP_SYS_PACCT },
	{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN },
	{ "CAP_SYS_BOOT", CAP_SYS_BOOT },
	{ "CAP_SYS_NICE", CAP_SYS_NICE },
	{ "CAP_SYS_RESOURCE", CAP_SYS_RESOURCE },
	{ "CAP_SYS_TIME", CAP_SYS_TIME },
	{ "CAP_SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG },
	{ "CAP_MKNOD", CAP_MKNOD },
	{ "CAP_LEASE", CAP_LEASE },
	{ "CAP_AUDIT_WRITE", CAP_AUDIT_WRITE },
	{ "CAP_AUDIT_CONTROL", CAP_AUDIT_CONTROL },
	{ "CAP_SETFCAP", CAP_SETFCAP },
	{ "CAP_MAC_OVERRIDE", CAP_MAC_OVERRIDE },
	{ "CAP_MAC_ADMIN", CAP_MAC_ADMIN },
	{ "CAP_SYSLOG", CAP_SYSLOG },
	{ "CAP_WAKE_ALARM", CAP_WAKE_ALARM },
	{ "CAP_BLOCK_SUSPEND", CAP_BLOCK_SUSPEND },
	{ "CAP_AUDIT_READ", CAP_AUDIT_READ },
	{ "CAP_PERFMON", CAP_PERFMON },
	{ "CAP_BPF", CAP_BPF },
	{ "CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE },
	{ "", 0 },
};

const struct name words_rlimits[] = {
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_STACK", RLIMIT_STACK },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "", 0 },
};

/* The specification has the first four; containerd's CRI plugin writes the others. */
const struct name words_propagation[] = {
	{ "shared", OCI_PROPAGATION_SHARED },
	{ "slave", OCI_PROPAGATION_SLAVE },
	{ "private", OCI_PROPAGATION_PRIVATE },
	{ "unbindable", OCI_PROPAGATION_UNBINDABLE },
	{ "rshared", OCI_PROPAGATION_SHARED },
	{ "rslave", OCI_PROPAGATION_SLAVE },
	{ "rprivate", OCI_PROPAGATION_PRIVATE },
	{ "runbindable", OCI_PROPAGATION_UNBINDABLE },
	{ "", 0 },
};

const struct name words_device_types[] = {
	{ "c", OCI_DEVICE_CHAR },
	{ "u", OCI_DEVICE_CHAR },	/* once "unbuffered"; mknod(1) makes the same of it */
	{ "b", OCI_DEVICE_BLOCK },
	{ "p", OCI_DEVICE_FIFO },
	{ "", 0 },
};

const struct name words_rule_types[] = {
	{ "a", OCI_DEVICE_ALL },
	{ "c", OCI_DEVICE_CHAR },
	{ "b", OCI_DEVICE_BLOCK },
	{ "", 0 },
};

/* By name, as the features document lists them. */
const struct name words_seccomp_actions[] = {
	{ "SCMP_ACT_ALLOW", OCI_SECCOMP_ALLOW },
	{ "SCMP_ACT_ERRNO", OCI_SECCOMP_ERRNO },
	{ "SCMP_ACT_KILL", OCI_SECCOMP_KILL },
	{ "SCMP_ACT_KILL_PROCESS", OCI_SECCOMP_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", OCI_SECCOMP_KILL },
	{ "SCMP_ACT_LOG", OCI_SECCOMP_LOG },
	{ "SCMP_ACT_NOTIFY", OCI_SECCOMP_NOTIFY },
	{ "SCMP_ACT_TRACE", OCI_SECCOMP_TRACE },
	{ "SCMP_ACT_TRAP", OCI_SECCOMP_TRAP },
	{ "", 0 },
};

const struct name words_seccomp_ops[] = {
	{ "SCMP_CMP_EQ", OCI_OP_EQ },
	{ "SCMP_CMP_GE", OCI_OP_GE },
	{ "SCMP_CMP_GT", OCI_OP_GT },
	{ "SCMP_CMP_LE", OCI_OP_LE },
	{ "SCMP_CMP_LT", OCI_OP_LT },
	{ "SCMP_CMP_MASKED_EQ", OCI_OP_MASKED_EQ },
	{ "SCMP_CMP_NE", OCI_OP_NE },
	{ "", 0 },
};

/*
 * libseccomp's tokens are the kernel's audit numbers, so those that only a younger libseccomp
 * (2.6) has can be written as such; the library refuses the ones that it does not know.
 */
const struct name words_seccomp_archs[] = {
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_LOONGARCH64", AUDIT_ARCH_LOONGARCH64 },
	{ "SCMP_ARCH_M68K", AUDIT_ARCH_M68K },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_SH", AUDIT_ARCH_SHEL },
	{ "SCMP_ARCH_SHEB", AUDIT_ARCH_SH },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "", 0 },
};

const struct name words_seccomp_flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
	{ "", 0 },
};

const struct name words_sched_policies[] = {
	{ "SCHED_OTHER", SCHED_NORMAL },
	{ "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_ISO", WORDS_SCHED_ISO },
	{ "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
	{ "", 0 },
};

const struct name words_sched_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
	{ "", 0 },
};

const struct name words_io_classes[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
	{ "", 0 },
};

const struct name words_mempolicy_modes[] = {
	{ "MPOL_DEFAULT", MPOL_DEFAULT },
	{ "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_BIND", MPOL_BIND },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_LOCAL", MPOL_LOCAL },
	{ "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
	{ "MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE },
	{ "", 0 },
};

const struct name words_mempolicy_flags[] = {
	{ "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
	{ "", 0 },
};

const struct name words_personalities[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
	{ "", 0 },
};

const struct name words_signals[] = {
	{ "HUP", SIGHUP },
	{ "INT", SIGINT },
	{ "QUIT", SIGQUIT },
	{ "ILL", SIGILL },
	{ "TRAP", SIGTRAP },
	{ "ABRT", SIGABRT },
	{ "IOT", SIGABRT },
	{ "BUS", SIGBUS },
	{ "FPE", SIGFPE },
	{ "KILL", SIGKILL },
	{ "USR1", SIGUSR1 },
	{ "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE },
	{ "ALRM", SIGALRM },
	{ "TERM", SIGTERM },
	{ "STKFLT", SIGSTKFLT },
	{ "CHLD", SIGCHLD },
	{ "CLD", SIGCHLD },
	{ "CONT", SIGCONT },
	{ "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP },
	{ "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU },
	{ "URG", SIGURG },
	{ "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM },
	{ "PROF", SIGPROF },
	{ "WINCH", SIGWINCH },
	{ "IO", SIGIO },
	{ "POLL", SIGIO },
	{ "PWR", SIGPWR },
	{ "SYS", SIGSYS },
	{ "", 0 },
};

/* A decimal number of at most three digits, or -1. */
static int small_number(const char *digits)
{
	int value = 0;
	size_t n;

	for (n = 0; digits[n] >= '0' && digits[n] <= '9' && n < 4; n++)
		value = value * 10 + (digits[n] - '0');
	return n == 0 || n > 3 || digits[n] ? -1 : value;
}

/* "RTMIN", "RTMIN+n", "RTMAX" or "RTMAX-n"; -1 for anything else. */
static int realtime_signal(const char *word)
{
	bool is_min = strncasecmp(word, "RTMIN", 5) == 0;
	int distance = 0;

	if (!is_min && strncasecmp(word, "RTMAX", 5) != 0)
		return -1;
	if (word[5]) {
		if (word[5] != (is_min ? '+' : '-'))
			return -1;
		distance = small_number(word + 6);
		if (distance < 0 || distance > WORDS_SIGRTMAX - WORDS_SIGRTMIN)
			return -1;
	}
	return is_min ? WORDS_SIGRTMIN + distance : WORDS_SIGRTMAX - distance;
}

int words_signal(const char *word)
{
	int number = small_number(word);

	if (number >= 0)
		return number <= WORDS_SIGRTMAX ? number : -1;
	if (strncasecmp(word, "SIG", 3) == 0)
		word += 3;
	for (const struct name *row = words_signals; row->word[0]; row++)
		if (strcasecmp(row->word, word) == 0)
			return (int)row->value;
	return realtime_signal(word);
}
