/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remediation policies: what is refused, that a document is written as it is read, and that two
 * together are as strict as the stricter; and alarms, which are noted and start the policy's hooks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "orlop/audit.h"
#include "orlop/auto.h"
#include "orlop/guard.h"
#include "orlop/policy.h"
#include "orlop/state.h"

static struct arena a;
static struct err e;

static struct policy read_it(const char *text)
{
	struct policy p = { .description = NULL };

	CHECK(policy_read("p.json", text, strlen(text), &a, &p, &e) == 0, "%s", e.text);
	return p;
}

static void test_whole(void)
{
	static const char text[] =
		"{\"description\":\"d\",\"pause\":\"quarantine\",\"onKill\":\"evidence-if-alarmed\","
		"\"network\":\"armed\",\"mode\":\"observe\",\"allow\":[\"10.0.0.0/8:53\"],"
		"\"evidence\":{\"directory\":\"/e\",\"budgetMs\":500,\"maxMiB\":7,\"memory\":\"anon\","
		"\"fs\":\"none\",\"sockets\":true},"
		"\"hooks\":{\"preQuarantine\":[{\"path\":\"/p\",\"args\":[\"a\",\"b\"],"
		"\"env\":[\"X=1\"],\"timeout\":3}],\"onAlarm\":[{\"path\":\"/q\"}]}}";
	struct policy p = read_it(text);

	CHECK(p.pause == POLICY_PAUSE_QUARANTINES && p.on_kill == POLICY_KILL_ALARMED);
	CHECK(p.hooks[POLICY_PRE_QUARANTINE].items[0].timeout.value == 3);
	CHECK_STR(p.hooks[POLICY_ON_ALARM].items[0].path, "/q");
	CHECK_STR(policy_text(&p, &a), text);
	/* What is not said is said when it is written, and means the same. */
	p = read_it("{}");
	CHECK(p.pause == POLICY_PAUSE_FREEZES && p.on_kill == POLICY_KILL_HELD && !p.observe);
	CHECK_STR(policy_text(&p, &a), policy_text(&(struct policy){ .description = NULL }, &a));
	p = read_it(policy_text(&p, &a));
	CHECK(p.on_kill == POLICY_KILL_HELD && p.evidence.memory == EVIDENCE_MEMORY_ALL);
}

/* Those that come with the program are read as they are. */
static void test_profiles(void)
{
	static const char name[] = SOURCE_ROOT "/profiles/remediation/hold.json";
	struct policy p = { .description = NULL };
	size_t len;
	char *text = file_read_path(name, 1 << 16, &a, &len);

	CHECK(text && policy_read(name, text, len, &a, &p, &e) == 0, "%s", text ? e.text : name);
	CHECK(p.pause == POLICY_PAUSE_QUARANTINES && p.network == POLICY_NETWORK_ARMED);
}

static void test_refused(void)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "{\"paus\":1}", "p.json:1: paus: unknown member" },
		{ "{\"pause\":\"stop\"}", "unknown meaning of pause \"stop\"" },
		{ "{\"pause\":true}", "pause" },
		{ "{\"pause\":\"freeze\",\"pause\":\"quarantine\"}", "pause" },
		{ "{\"hooks\":{\"onAlarm\":[{\"path\":\"x\"}]}}", "onAlarm" },
		{ "{\"hooks\":{\"onAlarm\":[{\"path\":\"/x\",\"timeout\":61}]}}", "timeout" },
		{ "{\"hooks\":{\"onAlarm\":[{\"args\":[]}]}}", "path" },
		{ "{\"hooks\":{\"later\":[]}}", "unknown moment" },
		{ "{\"evidence\":{\"directory\":\"e\"}}", "directory" },
		{ "{\"evidence\":{\"budgetMs\":60001}}", "budgetMs" },
		{ "{\"allow\":[\"everybody\"]}", "allow[0]: not an address" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy p;

		CHECK(policy_read("p.json", rows[i].text, strlen(rows[i].text), &a, &p, &e) < 0,
		      "%s", rows[i].text);
		CHECK(strstr(e.text, rows[i].says), "%s: %s", rows[i].text, e.text);
	}
}

static void test_together(void)
{
	struct policy p = read_it("{\"onKill\":\"kill\",\"network\":\"armed\","
				  "\"hooks\":{\"onAlarm\":[{\"path\":\"/1\"}]}}");
	struct policy more = read_it("{\"pause\":\"quarantine\","
				     "\"hooks\":{\"onAlarm\":[{\"path\":\"/2\"}]}}");

	policy_add(&p, &more, &a);
	CHECK(p.on_kill == POLICY_KILL_AT_ONCE && p.pause == POLICY_PAUSE_QUARANTINES);
	CHECK(p.network == POLICY_NETWORK_ARMED && p.hooks[POLICY_ON_ALARM].count == 2);
	CHECK_STR(p.hooks[POLICY_ON_ALARM].items[1].path, "/2");
	more = read_it("{\"onKill\":\"evidence\",\"network\":\"as-is\",\"pause\":\"freeze\"}");
	policy_add(&p, &more, &a);
	CHECK(p.on_kill == POLICY_KILL_ALWAYS && p.network == POLICY_NETWORK_ARMED &&
	      p.pause == POLICY_PAUSE_QUARANTINES);
}

struct count {
	int alarms, hooks;
};

static int count_line(void *argument, const struct audit_line *line, struct err *ignored)
{
	(void)ignored;
	struct count *count = argument;

	count->alarms += strcmp(line->operation, "alarm") == 0;
	count->hooks += strcmp(line->operation, "hook") == 0;
	return 0;
}

static void write_program(const char *path, const char *seen)
{
	const char *text = arena_printf(&a, "#!/bin/sh\ncat > %s.new; mv %s.new %s\n", seen, seen,
					seen);

	CHECK(file_create(AT_FDCWD, path, text, strlen(text)) == 0);
	chmod(path, 0700);
}

static void test_alarm(void)
{
	char top[] = "/tmp/orlop-test-alarm-XXXXXX";
	const char *root = mkdtemp(top), *seen = arena_printf(&a, "%s/seen", root);
	const char *program = arena_printf(&a, "%s/program", root);
	struct guard_alarm alarm = { "web", "test", "a rule", "a detail" };
	struct oci_hook hook = { .path = arena_strdup(&a, program) };
	struct policy p = { .hooks[POLICY_ON_ALARM] = { &hook, 1 } };
	const char *document = policy_text(&p, &a);
	auto_fd int top_fd = state_open_root(root, false, &e);
	auto_fd int dir = -1;
	struct count lines = { 0 };
	int full = 0;
	size_t len;
	char *got = NULL;

	CHECK(guard_alarm(root, &alarm, &e) < 0 && strstr(e.text, "does not exist"));
	CHECK(state_claim(top_fd, "web", &dir, &e) == 0, "%s", e.text);
	CHECK(state_write_cgroup(dir, "web", "", "", NULL, &e) == 0, "%s", e.text);
	write_program(program, seen);
	CHECK(file_create(dir, POLICY_FILE, document, strlen(document)) == 0);
	CHECK(!guard_alarmed(dir));
	CHECK(guard_alarm(root, &alarm, &e) == 0, "%s", e.text);
	CHECK(guard_alarmed(dir));
	/* The line is the last thing that they do. */
	for (int i = 0; i < 500 && !lines.hooks; i++) {
		poll(NULL, 0, 10);
		lines = (struct count){ 0 };
		CHECK(audit_each(root, "web", count_line, &lines, &e) == 0, "%s", e.text);
	}
	got = file_read_path(seen, 1 << 16, &a, &len);
	CHECK(got && strstr(got, "\"remediation\":{\"moment\":\"onAlarm\",\"trigger\":\"test\","
			    "\"rule\":\"a rule\",\"detail\":\"a detail\"}"), "%s", got ? got : "");
	CHECK(lines.alarms == 1 && lines.hooks == 1, "%d, %d", lines.alarms, lines.hooks);
	/* There is an end to what a container can have written about it. */
	unlinkat(dir, POLICY_FILE, 0);
	alarm.detail = arena_printf(&a, "%01000d", 0);
	for (int i = 0; i < 100 && full == 0; i++)
		full = guard_alarm(root, &alarm, &e);
	CHECK(full == GUARD_ALARMS_FULL, "%d", full);
	CHECK(system(arena_printf(&a, "rm -r %s", root)) == 0);
}

int main(void)
{
	test_whole();
	test_profiles();
	test_refused();
	test_together();
	test_alarm();
	arena_free(&a);
	return check_result();
}
