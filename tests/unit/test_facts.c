/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of the host's facts: round trips, refusals, and this machine's own facts. */
#include "check.h"
#include "orlop/auto.h"
#include "orlop/host_facts.h"

static const char example[] =
	"kernel 6.18\n"
	"euid 1000\n"
	"egid 100\n"
	"in_user_ns yes\n"
	"setgroups_denied yes\n"
	"net_ns_foreign no\n"
	"systemd_user yes\n"
	"newuidmap /usr/bin/newuidmap\n"
	"newgidmap /usr/bin/newgidmap\n"
	"cgroup_delegated /user.slice\n"
	"cgroup_mode hybrid\n"
	"cgroup_mount /sys/fs/cgroup/unified\n"
	"cgroup_self /user.slice/a b\n"
	"controllers cpu memory\n"
	"hugepage_sizes \n"
	"cap_last 40\n"
	"cap_bounding 0x1fffeffffff\n"
	"apparmor yes\n"
	"selinux no\n"
	"time_ns yes\n"
	"seccomp_flags 0x3f\n";

static void check_round_trip(void)
{
	auto_arena a = ARENA_NONE;
	struct host_facts f;
	struct err e = { 0 };
	int failed = host_facts_read(example, &a, &f, &e);

	CHECK(!failed, "%s", e.text);
	if (failed)
		return;
	CHECK_STR(host_facts_print(&f, &a), example);
	CHECK(f.kernel_major == 6 && f.kernel_minor == 18, " ");
	CHECK(f.euid == 1000 && f.egid == 100 && f.setgroups_denied && f.systemd_user, " ");
	CHECK(!f.net_ns_foreign && f.in_user_ns && f.apparmor && !f.selinux && f.time_ns, " ");
	CHECK(f.cgroup_mode == HOST_CGROUP_HYBRID, " ");
	CHECK(f.cap_bounding == 0x1fffeffffff && f.cap_last == 40 && f.seccomp_flags == 0x3f, " ");
	CHECK_STR(f.hugepage_sizes, "");
}

static void check_absence(void)
{
	auto_arena a = ARENA_NONE;
	struct host_facts f;
	struct err e = { 0 };

	CHECK(!host_facts_read("# a remark\n\nkernel 5.14", &a, &f, &e), "%s", e.text);
	CHECK(!f.hugepage_sizes && !f.controllers && f.kernel_minor == 14, " ");
}

static void check_refusals(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "kernel 6.18\nspeed 3\n", "facts:2: unknown word \"speed\"" },
		{ "kernel 6\n", "facts:1: kernel: \"6\" is not its value" },
		{ "kernel 6.18.3\n", "facts:1: kernel: \"6.18.3\" is not its value" },
		{ "euid -1\n", "facts:1: euid: \"-1\" is not its value" },
		{ "euid 4294967296\n", "facts:1: euid: \"4294967296\" is not its value" },
		{ "euid\n", "facts:1: euid: \"\" is not its value" },
		{ "time_ns 1\n", "facts:1: time_ns: \"1\" is not its value" },
		{ "cgroup_mode v1\n", "facts:1: cgroup_mode: \"v1\" is not its value" },
		{ "cap_bounding 0x1ffffffffffffffff\n",
		  "facts:1: cap_bounding: \"0x1ffffffffffffffff\" is not its value" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct host_facts f;
		struct err e = { 0 };

		CHECK(host_facts_read(rows[i].text, &a, &f, &e) == -1, "%s", rows[i].text);
		CHECK_STR(e.text, rows[i].error);
	}
}

/* Whatever this machine says, it can be written down and read again. */
static void check_this_machine(void)
{
	auto_arena a = ARENA_NONE;
	struct host_facts f, g;
	struct err e = { 0 };
	int failed = host_facts_get_all(&a, &f, &e) ||
		     host_facts_read(host_facts_print(&f, &a), &a, &g, &e);

	CHECK(!failed, "%s", e.text);
	if (failed)
		return;
	CHECK_STR(host_facts_print(&g, &a), host_facts_print(&f, &a));
	CHECK(f.kernel_major >= 3, "%u", f.kernel_major);
	CHECK(f.cap_last >= 37 && f.cap_last < 64, "%u", f.cap_last);
	CHECK(!(f.cap_bounding >> f.cap_last >> 1), "%llx", (unsigned long long)f.cap_bounding);
	CHECK((f.cgroup_mode == HOST_CGROUP_NONE) == !f.cgroup_mount, " ");
}

int main(void)
{
	check_round_trip();
	check_absence();
	check_refusals();
	check_this_machine();
	return check_result();
}
