/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the last message of a child: a sentence, whatever step, item, error and words it
 * has. A child is our own program, but what it runs beside, and what it repeats, is not.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/failure.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	static struct plan_mount mounts[] = {
		{ .target = "/bound", .source = "/source", .index = 0 },
		{ .target = "/proc", .fstype = "proc", .index = SIZE_MAX },
		{ .target = "/again", .kind = PLAN_MOUNT_REMOUNT, .index = 2 },
	};
	static struct plan_namespace namespaces[] = { { .flag = 1 }, { .flag = 2, .path = "/ns" } };
	static char name[] = "program";
	static char *args[] = { name };
	struct plan plan = { 0 };
	struct plan_process process = { 0 };
	struct child_message m = { 0 };
	struct err e = { 0 };

	plan.rootfs = "/rootfs";
	plan.mounts.items = mounts;
	plan.mounts.count = 3;
	plan.namespaces.items = namespaces;
	plan.namespaces.count = 2;
	process.cwd = "/";
	process.args.items = args;
	process.args.count = 1;
	memcpy(&m, bytes, len < sizeof(m) ? len : sizeof(m));
	m.detail[CHILD_DETAIL - 1] = '\0';	/* as whoever receives it does */
	must(failure_report(&m, &plan, &process, &e) == -1 && e.text[0] && e.kind != ERR_NONE);
	must(!strstr(e.text, "(null)") || strstr(m.detail, "(null)"));
	must(failure_step_name(m.step));
	return 0;
}
