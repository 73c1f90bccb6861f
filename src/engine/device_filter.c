/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/device_filter.h"

#include <errno.h>
#include <string.h>

#include "engine/bpf.h"
#include "orlop/auto.h"

static const char program_name[] = "orlop_devices";

/* The kernel allows 64 programs for a cgroup (BPF_CGROUP_MAX_PROGS). */
enum { ATTACHED_MAX = 64, REPLACE_TRIES = 4, LOG_SIZE = 16384 };

/* The verifier's reason is its last line but for the statistics, which begin with "processed". */
static const char *last_words(char *log)
{
	const char *words = "";
	char *rest = log;

	for (const char *line; (line = strsep(&rest, "\n"));)
		if (*line && strncmp(line, "processed ", strlen("processed ")) != 0)
			words = line;
	return words;
}

static int not_loaded(size_t rules, int code, char *log, struct err *e)
{
	const char *words = last_words(log);

	err_sys_code(e, code, "linux.resources.devices: load the filter of %zu rules", rules);
	switch (code) {
	case EPERM:
	case EACCES:
		if (!*words)
			return err_hint(e, "device rules need CAP_BPF and CAP_NET_ADMIN or "
					   "CAP_SYS_ADMIN outside of a user namespace");
		break;
	case ENOSYS:
		return err_hint(e, "this kernel has no bpf(2) (CONFIG_BPF_SYSCALL)");
	case E2BIG:
	case EFAULT:	/* so it says when more than 8,192 branches wait to be looked at */
		return err_hint(e, "there are more rules than the kernel takes in one program");
	case EINVAL:
		if (!*words)
			return err_hint(e, "this kernel has no device filters "
					   "(CONFIG_CGROUP_BPF, CONFIG_CGROUP_DEVICE)");
		break;
	default:
		break;
	}
	return *words ? err_hint(e, "the kernel's verifier says: %.200s", words) : -1;
}

static int load(const struct plan_cgroup *plan, struct err *e)
{
	size_t rules = plan->device_rules.count;
	auto_free char *log = calloc(1, LOG_SIZE);
	auto_free struct bpf_insn *code = calloc(DEVICE_FILTER_FIXED +
						 rules * DEVICE_FILTER_PER_RULE, sizeof(*code));
	size_t count;
	int fd;

	if (!code || !log)
		return err_sys(e, "linux.resources.devices");
	count = device_filter_code(plan->device_rules.items, rules, code);
	fd = bpf_load(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, program_name, code, count,
		      log, LOG_SIZE);
	return fd < 0 ? not_loaded(rules, errno, log, e) : fd;
}

/*
 * Detaches the programs with our name other than `own`. Returns how many of ours other than that
 * were there; -1 and errno.
 */
static int detach_others(int group, uint32_t own, const uint32_t *ids, uint32_t count)
{
	int found = 0;

	for (uint32_t i = 0; i < count; i++) {
		char name[BPF_OBJ_NAME_LEN];
		auto_fd int program = ids[i] == own ? -1 : bpf_open(ids[i], name);

		if (ids[i] == own || (program < 0 && errno == ENOENT))
			continue;
		if (program < 0)
			return -1;
		if (strcmp(name, program_name) != 0)
			continue;
		found++;
		if (bpf_detach(group, BPF_CGROUP_DEVICE, program) < 0 && errno != ENOENT)
			return -1;
	}
	return found;
}

/* Whether `own` is among the programs. */
static bool has(const uint32_t *ids, uint32_t count, uint32_t own)
{
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == own)
			return true;
	return false;
}

/* Makes the program the only one of ours and reads back that it is. */
static int be_alone(int group, int program, struct err *e)
{
	uint32_t ids[ATTACHED_MAX] = { 0 }, own = 0;
	char name[BPF_OBJ_NAME_LEN];

	for (int i = 0; i < REPLACE_TRIES; i++) {
		int count = bpf_query(group, BPF_CGROUP_DEVICE, ids, ATTACHED_MAX);
		int others;

		if (count < 0 || count > ATTACHED_MAX)
			return err_sys_code(e, count < 0 ? errno : E2BIG,
					    "linux.resources.devices: read back the filter");
		/* The usual case needs no name: the one that is there is the one just attached. */
		if (count == 1 && own == 0)
			return 0;
		if (own == 0 && bpf_identify(program, &own, name) < 0)
			return err_sys(e, "linux.resources.devices: read back the filter");
		others = detach_others(group, own, ids, (uint32_t)count);
		if (others < 0)
			return err_sys(e, "linux.resources.devices: replace the filter");
		if (!has(ids, (uint32_t)count, own))
			break;
		if (others == 0)
			return 0;
	}
	return err_set(e, ERR_STATE, "linux.resources.devices: the filter was replaced by somebody "
				     "else meanwhile");
}

int device_filter_attach(int group, const struct plan_cgroup *plan, struct err *e)
{
	auto_fd int program = load(plan, e);

	if (program < 0)
		return -1;
	if (bpf_attach(group, BPF_CGROUP_DEVICE, program) < 0) {
		err_sys(e, "linux.resources.devices: attach the filter");
		if (e->code == EPERM)
			return err_hint(e, "a cgroup above has a device filter that allows no "
					   "others, or the user may not attach programs");
		if (e->code == E2BIG)
			return err_hint(e, "the cgroup has as many filters as the kernel allows");
		return -1;
	}
	/* After a failure ours stays: what is attached beside it can only be stricter. */
	return be_alone(group, program, e);
}
