/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the host is like: every line that is not well says what to change, the sums are right,
 * and nothing is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"
#include "host/probe.h"
#include "orlop/auto.h"

static int open_descriptors(void)
{
	auto_dir DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	return count;
}

int main(void)
{
	auto_arena a = ARENA_NONE;
	struct probe_report r = { 0 };
	int before = open_descriptors();
	size_t notes = 0, bad = 0;

	probe_host(&a, &r);
	CHECK(r.count > 10, "%zu", r.count);
	for (size_t i = 0; i < r.count; i++) {
		const struct probe_line *l = &r.items[i];

		CHECK((l->grade == PROBE_OK) == !l->advice, "%s: %s", l->topic, l->found);
		CHECK(*l->topic && strlen(l->topic) < 18, "%s", l->topic);
		CHECK(*l->found && !strchr(l->found, '\n'), "%s", l->topic);
		notes += l->grade == PROBE_NOTE;
		bad += l->grade == PROBE_BAD;
	}
	CHECK(notes == r.notes && bad == r.bad, "%zu %zu", r.notes, r.bad);
	CHECK(open_descriptors() == before, "descriptors");
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "children");
	return check_result();
}
