/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a quarantine: what each beginning of it means, since a crash may leave any; who
 * holds it; what a torn, a foreign and an unreadable one are. And the limits that it restores.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "guard/journal.h"
#include "guard/limits.h"
#include "guard/outcome.h"
#include "orlop/auto.h"

static char top[] = "/tmp/orlop-test-journal-XXXXXX";
static struct arena a;
static struct err e;

static struct journal open_it(int dir)
{
	struct journal j = JOURNAL_CLOSED;

	CHECK(journal_open(dir, "web", 0, &a, &j, &e) == 0, "%s", e.text);
	return j;
}

static bool is_there(int dir)
{
	return faccessat(dir, JOURNAL_FILE, F_OK, 0) == 0;
}

/* A set settles what there is until somebody may have moved. The journal has begun already. */
static void test_evidence(int dir)
{
	struct guard_request frozen = { .id = "web" }, observed = { .id = "web", .observe = true };
	static const struct {
		bool observed_before, still, observed_after, settled;
	} rows[] = {
		{ false, true, false, true },	{ false, false, false, false },
		{ true, true, false, false },	{ false, true, true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct journal j = open_it(dir);

		CHECK(journal_begin(&j, "web", rows[i].observed_before ? &observed : &frozen, false,
				    "T", &a, &e) == 0);
		CHECK(journal_evidence(&j, "/a/set", rows[i].still, "T", &a, &e) == 0);
		if (rows[i].observed_after)
			CHECK(journal_begin(&j, "web", &observed, false, "T", &a, &e) == 0);
		CHECK(journal_begin(&j, "web", &frozen, false, "T", &a, &e) == 0);
		journal_close(&j);
		CHECK(journal_peek(dir, "web", &a, &j, &e) == 0);
		CHECK_STR(j.evidence, "/a/set");
		CHECK(j.settled == rows[i].settled, "%zu", i);
	}
}

static void test_life(int dir)
{
	struct guard_request request = { .id = "web", .reason = "a \"reason\"\n" };
	struct journal j = open_it(dir), other;

	CHECK(j.phase == JOURNAL_NONE && is_there(dir));
	CHECK(journal_open(dir, "web", 0, &a, &other, &e) == JOURNAL_BUSY);
	journal_close(&j);
	CHECK(!is_there(dir));		/* nothing was written */

	j = open_it(dir);
	CHECK(journal_begin(&j, "web", &request, true, "T1", &a, &e) == 0, "%s", e.text);
	journal_close(&j);
	j = open_it(dir);
	CHECK(j.phase == JOURNAL_BEGUN && j.was_frozen && !j.observe);
	CHECK_STR(j.since, "T1");
	CHECK_STR(j.reason, "a \"reason\"\n");
	CHECK(journal_save(&j, "pids.max", "max", &a, &e) == 0);
	CHECK(journal_save(&j, "cpu.max", "max 100000", &a, &e) == 0);
	CHECK(!j.programs && journal_programs(&j, &a, &e) == 0);
	CHECK(journal_programs(&j, &a, &e) == 0);
	CHECK(journal_netns(&j, 4026531840, &a, &e) == 0);
	CHECK(journal_end(&j, "contained", "T2", &a, &e) == 0);
	journal_close(&j);

	/* A repeated one keeps the first values: the later ones are ours. */
	request.observe = true;
	request.reason = NULL;
	j = open_it(dir);
	CHECK(j.phase == JOURNAL_ENDED && j.netns == 4026531840);
	CHECK_STR(j.result, "contained");
	CHECK(journal_begin(&j, "web", &request, false, "T3", &a, &e) == 0);
	CHECK(journal_save(&j, "pids.max", "0", &a, &e) == 0);
	journal_close(&j);
	CHECK(journal_peek(dir, "web", &a, &j, &e) == 0);
	CHECK(j.phase == JOURNAL_BEGUN && j.observe && j.was_frozen && j.fd == -1);
	CHECK(j.programs, "what an earlier one has put there is forgotten");
	CHECK_STR(j.since, "T1");
	CHECK_STR(j.reason, NULL);
	CHECK_STR(journal_saved(&j, "pids.max"), "max");
	CHECK_STR(journal_saved(&j, "cpu.max"), "max 100000");
	CHECK_STR(journal_saved(&j, "memory.high"), NULL);

	test_evidence(dir);
	j = open_it(dir);
	CHECK(journal_release(&j, "T4", NULL, &a, &e) == 0);
	journal_close(&j);
	j = open_it(dir);
	CHECK(j.phase == JOURNAL_RELEASING && j.saved.count == 2);
	CHECK(journal_remove(&j, &e) == 0);
	journal_close(&j);
	CHECK(!is_there(dir));
}

static const char begin_format[] = "{\"step\":\"begin\",\"id\":\"%s\",\"boot\":\"%s\","
				   "\"time\":\"T\",\"mode\":\"frozen\",\"wasFrozen\":false}\n";

static void test_reading(void)
{
	const char *boot = "b", *text;
	struct journal j = JOURNAL_CLOSED;

	text = arena_printf(&a, begin_format, "web", boot);
	CHECK(journal_read(text, strlen(text), "web", boot, &a, &j, &e) == 0);
	CHECK(j.phase == JOURNAL_BEGUN);
	/* Every cut of the line counts as never written. */
	for (size_t len = 0; len < strlen(text); len++) {
		j = JOURNAL_CLOSED;
		CHECK(journal_read(text, len, "web", boot, &a, &j, &e) == 0);
		CHECK(j.phase == JOURNAL_NONE, "%zu", len);
	}
	j = JOURNAL_CLOSED;
	CHECK(journal_read(text, strlen(text), "web", "other", &a, &j, &e) == 0);
	CHECK(j.phase == JOURNAL_NONE);
	CHECK(journal_read(text, strlen(text), "copy", boot, &a, &j, &e) == 0);
	CHECK(j.phase == JOURNAL_NONE);
	CHECK(journal_read("{}\n", 3, "web", boot, &a, &j, &e) == -1);
	CHECK(journal_read("x\n", 2, "web", boot, &a, &j, &e) == -1);
	/* What has no beginning was part of a longer one. */
	j = JOURNAL_CLOSED;
	text = "{\"step\":\"save\",\"file\":\"pids.max\",\"value\":\"0\"}\n";
	CHECK(journal_read(text, strlen(text), "web", boot, &a, &j, &e) == -1);
	text = "{\"step\":\"dance\"}\n";
	CHECK(journal_read(text, strlen(text), "web", boot, &a, &j, &e) == -1);
}

static void put(int dir, const char *name, const char *text)
{
	CHECK(file_replace(dir, name, text, strlen(text)) == 0);
}

static void test_files(int dir)
{
	struct guard_request request = { .id = "web" };
	struct journal j;

	/* What is left from before a restart holds nothing, and does not hide what comes. */
	put(dir, JOURNAL_FILE, arena_printf(&a, begin_format, "web", "another boot"));
	j = open_it(dir);
	CHECK(j.phase == JOURNAL_NONE);
	CHECK(journal_begin(&j, "web", &request, false, "T", &a, &e) == 0);
	journal_close(&j);
	CHECK(journal_peek(dir, "web", &a, &j, &e) == 0 && j.phase == JOURNAL_BEGUN);
	CHECK(unlinkat(dir, JOURNAL_FILE, 0) == 0);

	/* What cannot be read holds. */
	put(dir, JOURNAL_FILE, "nonsense\n");
	CHECK(journal_peek(dir, "web", &a, &j, &e) == 0 && j.phase == JOURNAL_BEGUN);
	CHECK(guard_refuse(dir, "web", "resume", &e) == -1 && e.kind == ERR_HELD);
	CHECK(unlinkat(dir, JOURNAL_FILE, 0) == 0);
	CHECK(guard_refuse(dir, "web", "resume", &e) == 0);

	/* A torn line does not become the beginning of the next one. */
	put(dir, JOURNAL_FILE, "{\"step\":\"beg");
	j = open_it(dir);
	CHECK(j.phase == JOURNAL_NONE);
	CHECK(journal_begin(&j, "web", &request, false, "T", &a, &e) == 0);
	journal_close(&j);
	j = open_it(dir);
	CHECK(j.phase == JOURNAL_BEGUN);
	CHECK_STR(j.since, "T");
	CHECK(journal_remove(&j, &e) == 0);
	journal_close(&j);
}

static void expect(int dir, const char *name, const char *want)
{
	char text[64] = "";

	CHECK(file_read(dir, name, text, sizeof(text)) >= 0);
	CHECK_STR(text, want);
}

static void test_limits(int dir)
{
	struct guard_mechanism lines[LIMITS_COUNT];
	struct guard_request request = { .id = "web", .observe = true };
	struct journal j = open_it(dir);
	struct limits l = { .group = dir, .journal = &j, .arena = &a };

	CHECK(journal_begin(&j, "web", &request, false, "T", &a, &e) == 0);
	CHECK(limits_apply(&l, LIMITS_AT_ONCE, lines) == 1);
	CHECK(lines[0].outcome == GUARD_UNSUPPORTED && j.saved.count == 0);
	put(dir, "pids.max", "512");
	put(dir, "memory.high", "max");
	put(dir, "memory.current", "4097");
	put(dir, "cpu.max", "max 100000");
	CHECK(limits_apply(&l, LIMITS_AT_ONCE, lines) == 1);
	CHECK(lines[0].outcome == GUARD_APPLIED);
	expect(dir, "pids.max", "0");
	CHECK(limits_apply(&l, LIMITS_OBSERVED, lines) == 2);
	CHECK(lines[0].outcome == GUARD_APPLIED && lines[1].outcome == GUARD_APPLIED);
	expect(dir, "memory.high", "8192");
	expect(dir, "cpu.max", "20000 100000");
	CHECK(limits_apply(&l, LIMITS_AT_ONCE, lines) == 1);	/* repeated */
	CHECK(limits_lift(&l, lines) == 2);
	CHECK(lines[0].outcome == GUARD_APPLIED && lines[1].outcome == GUARD_APPLIED);
	expect(dir, "pids.max", "0");
	expect(dir, "memory.high", "max");
	expect(dir, "cpu.max", "max 100000");
	CHECK(l.in_force.count == 3, "systemd has to hear of what it was told otherwise");
	CHECK(limits_undo(dir, &j, &a, lines) == 3);
	expect(dir, "pids.max", "512");
	expect(dir, "memory.high", "max");
	expect(dir, "cpu.max", "max 100000");
	CHECK(journal_remove(&j, &e) == 0);
	journal_close(&j);

	CHECK_STR(limits_cpu("max 100000", &a), "20000 100000");
	CHECK_STR(limits_cpu("10000 100000", &a), "10000 100000");
	CHECK_STR(limits_cpu("10000 20000", &a), "20000 100000");
	CHECK_STR(limits_cpu("100 1000", &a), "100 1000");
	CHECK_STR(limits_memory("max", "8192", &a), "8192");
	CHECK_STR(limits_memory("4096", "8192", &a), "4096");
	CHECK_STR(limits_memory("16384", "8193", &a), "12288");
}

static void test_judge(void)
{
	struct guard_finding hole = { .kind = "x", .held = GUARD_HELD_OPEN };
	struct guard_report r = { .observe = false };

	outcome_add(&r, &a, "egress", GUARD_APPLIED, NULL);
	CHECK(outcome_judge(&r) == GUARD_PARTIAL);
	outcome_add(&r, &a, "ingress", GUARD_APPLIED, NULL);
	outcome_add(&r, &a, "unix", GUARD_UNSUPPORTED, NULL);
	outcome_add(&r, &a, "freeze", GUARD_APPLIED, NULL);
	CHECK(outcome_judge(&r) == GUARD_CONTAINED);
	r.findings.items = &hole;
	r.findings.count = 1;
	CHECK(outcome_judge(&r) == GUARD_PARTIAL);
	hole.held = GUARD_HELD_FROZEN;
	CHECK(outcome_judge(&r) == GUARD_CONTAINED);
	r.mechanisms.items[3].outcome = GUARD_BUSY;
	CHECK(outcome_judge(&r) == GUARD_PARTIAL);
	r.mechanisms.items[3].outcome = GUARD_APPLIED;
	r.mechanisms.items[0].outcome = GUARD_FAILED;
	CHECK(outcome_judge(&r) == GUARD_PARTIAL);
	r.mechanisms.items[3].outcome = GUARD_FAILED;
	CHECK(outcome_judge(&r) == GUARD_NOTHING);
	r.observe = true;
	r.mechanisms.items[0].outcome = GUARD_APPLIED;
	r.mechanisms.items[3].outcome = GUARD_UNSUPPORTED;
	CHECK(outcome_judge(&r) == GUARD_CONTAINED);
}

int main(void)
{
	int dir;

	if (!mkdtemp(top) || (dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return 1;
	test_life(dir);
	test_reading();
	test_files(dir);
	test_limits(dir);
	test_judge();
	for (const char *const *name = (const char *const[]){ "pids.max", "memory.high",
	     "memory.current", "cpu.max", NULL }; *name; name++)
		unlinkat(dir, *name, 0);
	close(dir);
	CHECK(rmdir(top) == 0);
	arena_free(&a);
	return check_result();
}
