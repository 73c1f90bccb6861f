/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which threads count as frozen: the freezer's own sleep, stops, vfork; and no other sleep.
 */
#include "check.h"
#include "guard/tasks.h"
#include "orlop/auto.h"

static const struct {
	char state;
	const char *where;
	bool frozen;
} rows[] = {
	{ 'S', "get_signal", true }, { 'S', "do_freezer_trap", true }, { 'S', "", true },
	{ 'S', "0", true }, { 'S', "hrtimer_nanosleep", false }, { 'S', "do_wait", false },
	{ 'T', "do_signal_stop", true }, { 't', "ptrace_stop", true }, { 'Z', "0", true },
	{ 'D', "kernel_clone", true }, { 'D', "wait_for_vfork_done", true },
	{ 'D', "seccomp_do_user_notification", false }, { 'D', "request_wait_answer", false },
	{ 'D', "", false }, { 'R', "0", false }, { 'R', "", false }, { 'I', "", false },
};

static void test_text(void)
{
	auto_arena a = ARENA_NONE;
	struct guard_task items[] = {
		{ 12, 12, 'D', true, "x y", "do_wait" }, { 12, 14, 'R', false, "z", "" },
	};
	struct guard_tasks tasks = { .items = items, .count = 2, .more = 9 };

	CHECK_STR(guard_tasks_text(&tasks, &a),
		  "12 (x y) D in do_wait, 12/14 (z) R and 3 more");
	tasks.more = 0;
	CHECK_STR(guard_tasks_text(&tasks, &a), "12 (x y) D in do_wait, 12/14 (z) R");
	items[0] = (struct guard_task){ 11, 11, 'R', false, "y", "" };
	items[1] = (struct guard_task){ 12, 12, 'D', true, "x y", "do_wait" };
	CHECK_STR(guard_tasks_text(&tasks, &a), "12 (x y) D in do_wait, 11 (y) R");
	CHECK(!guard_tasks_only_late(&tasks), "one refuses");
	items[1].state = 'R';
	CHECK(guard_tasks_only_late(&tasks), "both run");
	tasks.count = 0;
	CHECK_STR(guard_tasks_text(&tasks, &a), "nobody any more");
}

static void add(struct guard_tasks *tasks, pid_t pid, char state, struct arena *a)
{
	if (tasks_make_room(tasks, state, a))
		tasks->items[tasks->count++] = (struct guard_task){ .pid = pid, .state = state };
}

/* Nobody who refuses is left out for somebody who is only late. */
static void test_too_many(void)
{
	auto_arena a = ARENA_NONE;
	struct guard_tasks tasks = { 0 };

	for (pid_t pid = 1; pid <= TASKS_MAX; pid++)
		add(&tasks, pid, pid == 1 ? 'D' : 'R', &a);
	add(&tasks, 100, 'R', &a);
	CHECK(tasks.count == TASKS_MAX && tasks.more == 1);
	CHECK(tasks.items[1].pid == 2 && tasks.items[TASKS_MAX - 1].pid == TASKS_MAX);
	add(&tasks, 101, 'D', &a);
	CHECK(tasks.count == TASKS_MAX && tasks.more == 2);
	CHECK(tasks.items[0].pid == 1 && tasks.items[1].pid == 3 &&
	      tasks.items[TASKS_MAX - 1].pid == 101);
	for (pid_t pid = 200; pid < 200 + TASKS_MAX; pid++)
		add(&tasks, pid, 'D', &a);
	CHECK(tasks.count == TASKS_MAX && tasks.more == 2 + TASKS_MAX);
	CHECK(tasks.items[0].pid == 1 && tasks.items[1].pid == 101 &&
	      tasks.items[2].pid == 200);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(tasks_is_frozen(rows[i].state, rows[i].where) == rows[i].frozen, "%c %s",
		      rows[i].state, rows[i].where);
	test_text();
	test_too_many();
	return check_result();
}
