/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device rules: the program is run by an interpreter and compared with a plain reading of the
 * rules, for every type, number and access around the rules' own; then the kernel is asked, which
 * needs root and a cgroup2 mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "check.h"
#include "engine/bpf.h"
#include "engine/cgroup.h"
#include "engine/device_filter.h"
#include "orlop/auto.h"

enum { M = PLAN_ACCESS_MKNOD, R = PLAN_ACCESS_READ, W = PLAN_ACCESS_WRITE, RWM = PLAN_ACCESS_ALL };

/* --- the interpreter: what the verifier and the kernel make of these instructions --- */

static uint32_t sim(const struct bpf_insn *code, size_t count, uint32_t access_type, uint32_t major,
		    uint32_t minor)
{
	const uint32_t context[3] = { access_type, major, minor };
	uint64_t r[11] = { 0 };
	bool written[11] = { [1] = true };

	for (size_t at = 0, steps = 0; at < count; at++, steps++) {
		const struct bpf_insn *i = &code[at];
		uint32_t to = (uint32_t)r[i->dst_reg];
		bool jump = false;

		if (steps > count) {
			fprintf(stderr, "a jump backwards\n");
			abort();
		}
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			if (i->src_reg != 1 || i->off % 4 || i->off > 8)
				abort();
			r[i->dst_reg] = context[i->off / 4];
			written[i->dst_reg] = true;
			continue;
		case BPF_ALU | BPF_MOV | BPF_X:
			r[i->dst_reg] = (uint32_t)r[i->src_reg];
			written[i->dst_reg] = written[i->src_reg];
			continue;
		case BPF_LD | BPF_DW | BPF_IMM:
			if (++at == count || code[at].code)
				abort();
			r[i->dst_reg] = (uint64_t)(uint32_t)code[at].imm << 32 | (uint32_t)i->imm;
			written[i->dst_reg] = true;
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i->dst_reg] = (uint64_t)(int64_t)i->imm;
			written[i->dst_reg] = true;
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			r[i->dst_reg] = to & (uint32_t)i->imm;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			r[i->dst_reg] = to >> i->imm;
			break;
		case BPF_ALU64 | BPF_LSH | BPF_K:
			if (!written[i->dst_reg])
				abort();
			r[i->dst_reg] <<= i->imm;
			continue;
		case BPF_ALU64 | BPF_OR | BPF_X:
			if (!written[i->dst_reg] || !written[i->src_reg])
				abort();
			r[i->dst_reg] |= r[i->src_reg];
			continue;
		case BPF_JMP | BPF_JEQ | BPF_X:
			if (!written[i->src_reg])
				abort();
			jump = r[i->dst_reg] == r[i->src_reg];
			break;
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			jump = to == (uint32_t)i->imm;
			break;
		case BPF_JMP32 | BPF_JSET | BPF_K:
			jump = to & (uint32_t)i->imm;
			break;
		case BPF_JMP | BPF_JA:
			at += (size_t)i->off;
			continue;
		case BPF_JMP | BPF_EXIT:
			if (!written[0])
				abort();
			return (uint32_t)r[0];
		default:
			fprintf(stderr, "instruction %#x\n", i->code);
			abort();
		}
		if (!written[i->dst_reg] || i->off < 0)
			abort();
		if (jump)
			at += (size_t)i->off;
	}
	fprintf(stderr, "the program runs beyond its end\n");
	abort();
}

/* --- the plain reading --- */

static bool about(const struct plan_device_rule *rule, uint32_t type, int64_t major, int64_t minor)
{
	if (rule->type == OCI_DEVICE_FIFO ||
	    (rule->type == OCI_DEVICE_CHAR && type != BPF_DEVCG_DEV_CHAR) ||
	    (rule->type == OCI_DEVICE_BLOCK && type != BPF_DEVCG_DEV_BLOCK))
		return false;
	return (rule->major < 0 || rule->major == major) &&
	       (rule->minor < 0 || rule->minor == minor);
}

/* Whether one right is allowed: the last rule that is about the device and the right. */
static bool right_allowed(const struct plan_device_rule *rules, size_t count, uint32_t type,
			  uint32_t major, uint32_t minor, unsigned right)
{
	bool allowed = false;

	for (size_t i = 0; i < count; i++)
		if (about(&rules[i], type, major, minor) && (rules[i].access & right))
			allowed = rules[i].allow;
	return allowed;
}

static bool allowed(const struct plan_device_rule *rules, size_t count, uint32_t type,
		    uint32_t major, uint32_t minor, unsigned access)
{
	bool last = false;

	for (unsigned right = 1; right <= W; right <<= 1)
		if ((access & right) && !right_allowed(rules, count, type, major, minor, right))
			return false;
	if (access)
		return true;
	for (size_t i = 0; i < count; i++)
		if (about(&rules[i], type, major, minor) && rules[i].access &&
		    (rules[i].allow || rules[i].access == RWM))
			last = rules[i].allow;
	return last;
}

/* --- programs --- */

static unsigned long compared;

static void compare(const struct plan_device_rule *rules, size_t count, const char *what)
{
	/* The kernel has 12 bits for a major and 20 for a minor number. */
	static const uint32_t majors[] = { 0, 1, 2, 3, 5, 8, 136, 255, 256, 0x7ff, 0x800, 0xfff };
	static const uint32_t minors[] = { 0, 1, 2, 3, 5, 8, 136, 255, 256, 0x7ffff, 0x80000,
		0xfffff };
	struct bpf_insn code[DEVICE_FILTER_FIXED + 64 * DEVICE_FILTER_PER_RULE];
	size_t length = device_filter_code(rules, count, code);
	unsigned wrong = 0;

	CHECK(length <= DEVICE_FILTER_FIXED + count * DEVICE_FILTER_PER_RULE, "%zu", length);
	for (uint32_t type = BPF_DEVCG_DEV_BLOCK; type <= BPF_DEVCG_DEV_CHAR; type++)
		for (size_t i = 0; i < ARRAY_LEN(majors); i++)
			for (size_t j = 0; j < ARRAY_LEN(minors); j++)
				for (unsigned access = 0; access <= RWM; access++) {
					bool got = sim(code, length, access << 16 | type,
						       majors[i], minors[j]);

					compared++;
					wrong += got != allowed(rules, count, type, majors[i],
								minors[j], access);
				}
	CHECK(wrong == 0, "%s: %u requests get another answer", what, wrong);
}

static void every_single_rule(void)
{
	static const int64_t numbers[] = { -1, 0, 5, 0xfff, 0x1000, 0xfffff, 0x100000, 0xffffffff,
		0x100000000 };

	compare(NULL, 0, "no rules");
	for (int allow = 0; allow < 2; allow++)
		for (int type = 0; type < OCI_DEVICE_COUNT_; type++)
			for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
				for (size_t j = 0; j < ARRAY_LEN(numbers); j++)
					for (unsigned access = 0; access <= RWM; access++) {
						struct plan_device_rule rules[2] = {
							{ !allow, OCI_DEVICE_ALL, -1, -1, RWM },
							{ allow, (enum oci_device_type)type,
							  numbers[i], numbers[j], access },
						};

						compare(rules, 2, "a rule after all or nothing");
						compare(rules + 1, 1, "a rule alone");
					}
}

static void random_lists(void)
{
	static const int64_t numbers[] = { -1, -1, 0, 1, 2, 3, 5, 8, 136, 255, 0xfff, 0xfffff };

	srand(1);
	for (int i = 0; i < 3000; i++) {
		struct plan_device_rule rules[32];
		size_t count = (size_t)rand() % ARRAY_LEN(rules);
		char what[32];

		for (size_t j = 0; j < count; j++)
			rules[j] = (struct plan_device_rule){ rand() % 2,
				(enum oci_device_type)(rand() % 3),
				numbers[(size_t)rand() % ARRAY_LEN(numbers)],
				numbers[(size_t)rand() % ARRAY_LEN(numbers)],
				rand() % 3 ? (unsigned)rand() % 8 : RWM };
		snprintf(what, sizeof(what), "list %d", i);
		compare(rules, count, what);
	}
}

static void a_later_denial_cannot_be_passed_by_asking_for_more(void)
{
	const struct plan_device_rule rules[] = {
		{ true, OCI_DEVICE_CHAR, 1, 3, RWM },
		{ false, OCI_DEVICE_CHAR, 1, 3, W },
	};
	struct bpf_insn code[64];
	size_t count = device_filter_code(rules, 2, code);

	CHECK(sim(code, count, R << 16 | BPF_DEVCG_DEV_CHAR, 1, 3) == 1);
	CHECK(sim(code, count, W << 16 | BPF_DEVCG_DEV_CHAR, 1, 3) == 0);
	CHECK(sim(code, count, (R | W) << 16 | BPF_DEVCG_DEV_CHAR, 1, 3) == 0);
	CHECK(sim(code, count, R << 16 | BPF_DEVCG_DEV_BLOCK, 1, 3) == 0);
}

/* --- the kernel --- */

static int own_group(char *path, size_t size, const char **ret_mount)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct plan_cgroup plan = { .path = path };
	struct statfs st;
	struct err e;

	if (geteuid() != 0)
		return -1;
	snprintf(path, size, "/orlop-test-%d", (int)getpid());
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (statfs(places[i], &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC) {
			*ret_mount = places[i];
			return cgroup_create(&plan, places[i], &e);
		}
	return -1;
}

/* The errno of one act in a process that is in the group. */
static int inside(int group, int (*act)(void))
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
		.cgroup = (uint64_t)group };
	int status = -1;
	pid_t pid = sys_clone3(&args);

	if (pid == 0)
		_exit(act());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int act_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

static int read_null(void) { return act_open("/dev/null", O_RDONLY); }
static int write_null(void) { return act_open("/dev/null", O_WRONLY); }
static int both_null(void) { return act_open("/dev/null", O_RDWR); }
static int read_zero(void) { return act_open("/dev/zero", O_RDONLY); }

static char node[64];

static int make_node(mode_t type, unsigned major, unsigned minor)
{
	int code = mknod(node, type | 0600, makedev(major, minor)) < 0 ? errno : 0;

	unlink(node);
	return code;
}

static int make_null(void) { return make_node(S_IFCHR, 1, 3); }
static int make_disk(void) { return make_node(S_IFBLK, 7, 0); }

static void set(int group, struct plan_device_rule *rules, size_t count)
{
	struct plan_cgroup plan = { .filter_devices = true, .device_rules = { rules, count } };
	struct err e;

	CHECK(device_filter_attach(group, &plan, &e) == 0, "%s", e.text);
}

static int attached(int group)
{
	uint32_t ids[64];

	return bpf_query(group, BPF_CGROUP_DEVICE, ids, 64);
}

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void the_kernel_agrees(int group)
{
	struct plan_device_rule rules[] = {
		{ false, OCI_DEVICE_ALL, -1, -1, RWM },
		{ true, OCI_DEVICE_CHAR, -1, -1, M },
		{ true, OCI_DEVICE_CHAR, 1, 3, RWM },
		{ false, OCI_DEVICE_CHAR, 1, 3, W },
	};
	int fds = count_fds();

	set(group, rules, 1);
	CHECK(attached(group) == 1);
	CHECK(inside(group, read_null) == EPERM && inside(group, make_null) == EPERM);
	set(group, rules, 3);
	CHECK(inside(group, both_null) == 0 && inside(group, make_null) == 0);
	CHECK(inside(group, read_zero) == EPERM && inside(group, make_disk) == EPERM);
	set(group, rules, 4);
	CHECK(inside(group, read_null) == 0);
	CHECK(inside(group, write_null) == EPERM && inside(group, both_null) == EPERM);
	for (int i = 0; i < 100; i++)
		set(group, rules, 1 + (size_t)i % 4);
	CHECK(attached(group) == 1, "%d programs after 100 updates", attached(group));
	CHECK(count_fds() == fds, "%d descriptors, %d before", count_fds(), fds);
}

/* A program that somebody else attached stays, and both have to allow. */
static void programs_of_others_stay(int group)
{
	struct plan_device_rule rules[] = { { true, OCI_DEVICE_CHAR, 1, 3, R },
		{ true, OCI_DEVICE_ALL, -1, -1, RWM } };
	struct bpf_insn code[64];
	size_t count = device_filter_code(rules, 1, code);
	auto_fd int other = bpf_load(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, "sd_devices",
				     code, count, NULL, 0);

	CHECK(other >= 0 && bpf_attach(group, BPF_CGROUP_DEVICE, other) == 0);
	for (int i = 0; i < 3; i++) {
		set(group, rules + 1, 1);
		CHECK(attached(group) == 2, "%d", attached(group));
	}
	CHECK(inside(group, read_null) == 0 && inside(group, write_null) == EPERM);
	CHECK(bpf_detach(group, BPF_CGROUP_DEVICE, other) == 0);
	CHECK(inside(group, write_null) == 0);
	CHECK(attached(group) == 1);
}

static void refusals_are_explained(int group)
{
	struct plan_device_rule rule = { true, OCI_DEVICE_ALL, -1, -1, RWM };
	struct plan_cgroup plan = { .filter_devices = true, .device_rules = { &rule, 1 } };
	struct bpf_insn broken[] = { { .code = BPF_JMP | BPF_EXIT } };
	char log[4096];
	struct err e;
	pid_t pid;
	int status;

	CHECK(bpf_load(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, "broken", broken, 1, log,
		       sizeof(log)) < 0 && errno == EACCES);
	CHECK(strstr(log, "R0 !read_ok"), "%s", log);
	CHECK(device_filter_attach(STDIN_FILENO, &plan, &e) < 0);
	CHECK(strstr(e.text, "linux.resources.devices: attach the filter: "), "%s", e.text);
	pid = fork();
	if (pid == 0) {
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		if (device_filter_attach(group, &plan, &e) == 0 || e.code != EPERM ||
		    !strstr(e.text, "hint: device rules need CAP_BPF")) {
			fprintf(stderr, "%s\n", e.text);
			_exit(2);
		}
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%#x", status);
}

/* Many rules are no trouble for the verifier; for very many it gives up, and we say so. */
static void many_rules_are_loaded(int group)
{
	enum { FINE = 2000, RULES = 20000 };
	auto_free struct plan_device_rule *rules = calloc(RULES, sizeof(*rules));
	struct plan_cgroup plan = { .filter_devices = true, .device_rules = { rules, RULES } };
	struct err e;

	for (unsigned i = 0; i < RULES; i++)
		rules[i] = (struct plan_device_rule){ i % 3 != 0, i % 2 ? OCI_DEVICE_CHAR :
			OCI_DEVICE_BLOCK, 100 + i % 200, i % 7, 1 + i % 7 };
	rules[0] = (struct plan_device_rule){ true, OCI_DEVICE_CHAR, 1, 3, RWM };
	rules[1] = (struct plan_device_rule){ false, OCI_DEVICE_BLOCK, 1, 3, RWM };
	set(group, rules, FINE);
	CHECK(inside(group, both_null) == 0);
	CHECK(attached(group) == 1);
	CHECK(device_filter_attach(group, &plan, &e) < 0);
	CHECK(strstr(e.text, "load the filter of 20000 rules: ") &&
	      strstr(e.text, "\nhint: there are more rules than the kernel takes"), "%s", e.text);
	CHECK(attached(group) == 1 && inside(group, both_null) == 0, "the old one is still there");
}

int main(void)
{
	char path[64];
	const char *mount = NULL;
	struct err e;

	alarm(120);
	every_single_rule();
	random_lists();
	a_later_denial_cannot_be_passed_by_asking_for_more();
	fprintf(stderr, "%lu requests compared\n", compared);
	snprintf(node, sizeof(node), "/tmp/orlop-test-node-%d", (int)getpid());

	auto_fd int group = own_group(path, sizeof(path), &mount);

	if (group < 0) {
		fprintf(stderr, "SKIPPED the kernel's part: needs root and a cgroup2 mount\n");
		return check_result() ? 1 : 77;
	}
	the_kernel_agrees(group);
	programs_of_others_stay(group);
	refusals_are_explained(group);
	many_rules_are_loaded(group);
	CHECK(cgroup_remove(mount, path, 2000, &e) == 0, "%s", e.text);
	return check_result();
}
