/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden cases of the planner: run_plan [--bless] DIR. Each directory below DIR is a case:
 *
 *	config.json	the document
 *	facts		about the host; without it DIR/facts
 *	argv		options, separated by blanks, in any number of lines (see `words` below)
 *	plan		the plan that must come out, or
 *	error		the error
 *
 * With --bless the expected files are written instead. A plan that explains itself must give a
 * cause for every line.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "orlop/auto.h"
#include "orlop/plan.h"
#include "orlop/profile.h"

enum { FILE_MAX = 1 << 20 };

/* What the words of `argv` ask for. */
struct question {
	struct plan_options options;
	bool explain, json, process, resources, in_user_ns;
	const char *profile;
};

static void die(const char *name, const char *why)
{
	fprintf(stderr, "%s: %s\n", name, why);
	exit(1);
}

static char *read_case(struct arena *a, const char *dir, const char *name)
{
	size_t len;

	return file_read_path(arena_printf(a, "%s/%s", dir, name), FILE_MAX, a, &len);
}

static unsigned number(const char *dir, const char *word)
{
	char *end;
	unsigned long n = word ? strtoul(word, &end, 10) : 0;

	if (!word || *end)
		die(dir, "argv: a number is missing");
	return (unsigned)n;
}

static void read_question(char *argv, const char *dir, struct question *q)
{
	struct plan_options *o = &q->options;
	char *save = NULL;

	*o = (struct plan_options){ .id = "web", .bundle = "/bundle" };
	for (char *w = strtok_r(argv, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		const struct {
			const char *word;
			bool *flag;
			const char **text;
			unsigned *number;
		} words[] = {
			{ "--id", .text = &o->id },
			{ "--bundle", .text = &o->bundle },
			{ "--notify", &o->notify_socket, &o->notify_dir },
			{ "--profile", .text = &q->profile },
			{ "--no-pivot", &o->no_pivot },
			{ "--no-new-keyring", &o->no_new_keyring },
			{ "--detach", &o->detached },
			{ "--console-socket", &o->console_socket },
			{ "--preserve-fds", .number = &o->preserve_fds },
			{ "--listen-fds", .number = &o->listen_fds },
			{ "--explain", &q->explain },
			{ "--json", &q->json },
			{ "--process", &q->process },
			{ "--in-user-ns", &q->in_user_ns },
			{ "--resources", &q->resources },
		};
		size_t i = 0;

		while (i < ARRAY_LEN(words) && strcmp(words[i].word, w) != 0)
			i++;
		if (strcmp(w, "--systemd-cgroup") == 0)
			o->cgroup_driver = PLAN_CGROUP_SYSTEMD;
		else if (strcmp(w, "--no-cgroup") == 0)
			o->cgroup_driver = PLAN_CGROUP_DISABLED;
		else if (i == ARRAY_LEN(words))
			die(dir, "argv: unknown word");
		if (i == ARRAY_LEN(words))
			continue;
		if (words[i].flag)
			*words[i].flag = true;
		if (words[i].text)
			*words[i].text = strtok_r(NULL, " \n", &save);
		if (words[i].number)
			*words[i].number = number(dir, strtok_r(NULL, " \n", &save));
	}
}

/* The parts of a plan that has a process, or a cgroup, and nothing else. */
static const char *print_part(const struct plan *part, const struct question *q, struct arena *a)
{
	if (q->json)
		return plan_json(part, false, a);
	return plan_text(part, false, a);
}

static int answer(const char *text, const struct question *q, const struct host_facts *facts,
		  struct arena *a, const char **ret, struct err *e)
{
	struct plan plan = { .id = q->options.id, .bundle = q->options.bundle, .rootfs = "-" };
	struct oci_config config;
	struct oci_process process;
	struct oci_resources resources;
	size_t len = strlen(text);

	if (q->process) {
		if (oci_process_read("process.json", text, len, a, &process, e) ||
		    plan_process(&process, "process.json", &q->options, facts, NULL, q->in_user_ns, a,
				 &plan.process, &plan.warnings, e))
			return -1;
		plan.has_process = true;
		*ret = print_part(&plan, q, a);
		return 0;
	}
	if (q->resources) {
		if (oci_resources_read("resources.json", text, len, a, &resources, e) ||
		    plan_resources(&resources, "resources.json", facts, a, &plan.cgroup,
				   &plan.warnings, e))
			return -1;
		if (q->options.cgroup_driver == PLAN_CGROUP_SYSTEMD &&
		    plan_unit_update("resources.json", a, &plan.cgroup, e))
			return -1;
		*ret = print_part(&plan, q, a);
		return 0;
	}
	if (oci_config_read("config.json", text, len, a, &config, e) ||
	    plan_make(&config, "config.json", &q->options, facts, a, &plan, e))
		return -1;
	*ret = q->json ? plan_json(&plan, q->explain, a) : plan_text(&plan, q->explain, a);
	return 0;
}

static bool all_explained(const char *plan)
{
	while (*plan) {
		size_t len = strcspn(plan, "\n");
		const char *cause = strstr(plan, "  # ");

		if (strncmp(plan, "warning ", 8) != 0 && (!cause || cause > plan + len)) {
			fprintf(stderr, "no cause: %.*s\n", (int)len, plan);
			return false;
		}
		plan += len + 1;
	}
	return true;
}

static bool check(const char *dir, const char *file, const char *got, bool bless, struct arena *a)
{
	char *expected = read_case(a, dir, file);
	char *path = arena_printf(a, "%s/%s", dir, file);
	FILE *f;

	if (bless) {
		f = fopen(path, "w");
		if (!f || fputs(got, f) < 0 || fclose(f) != 0)
			die(path, "cannot be written");
		unlink(arena_printf(a, "%s/%s", dir, strcmp(file, "plan") == 0 ? "error" : "plan"));
		return true;
	}
	if (expected && strcmp(expected, got) == 0)
		return true;
	fprintf(stderr, "%s is not as expected; got:\n%s\n", path, got);
	return false;
}

static bool run_case(const char *top, const char *name, bool bless)
{
	auto_arena a = ARENA_NONE;
	const char *dir = arena_printf(&a, "%s/%s", top, name);
	char *config = read_case(&a, dir, "config.json");
	char *facts_text = read_case(&a, dir, "facts");
	char *argv = read_case(&a, dir, "argv");
	struct question q = { 0 };
	struct host_facts facts;
	const char *plan;
	struct err e;

	if (!facts_text)
		facts_text = read_case(&a, top, "facts");
	if (!config || !facts_text)
		die(dir, "needs config.json and facts");
	if (host_facts_read(facts_text, &a, &facts, &e))
		die(dir, e.text);
	read_question(argv ? argv : arena_strdup(&a, ""), dir, &q);
	if (q.profile && profile_load(arena_printf(&a, "%s/%s", dir, q.profile), &a,
				      &q.options.profile, &e))
		die(dir, e.text);
	if (answer(config, &q, &facts, &a, &plan, &e))
		return check(dir, "error", arena_printf(&a, "%s\n", e.text), bless, &a);
	if (q.explain && !q.json && !all_explained(plan)) {
		fprintf(stderr, "%s: a line has no cause\n", dir);
		return false;
	}
	return check(dir, "plan", q.json ? arena_printf(&a, "%s\n", plan) : plan, bless, &a);
}

int main(int argc, char **argv)
{
	bool bless = argc == 3 && strcmp(argv[1], "--bless") == 0;
	const char *top = argv[argc - 1];
	unsigned cases = 0, bad = 0;
	struct dirent **names;
	int count;

	if (argc != 2 + bless)
		die("run_plan", "usage: run_plan [--bless] DIR");
	count = scandir(top, &names, NULL, alphasort);
	if (count < 0)
		die(top, "cannot be read");
	for (int i = 0; i < count; i++) {
		if (names[i]->d_type == DT_DIR && names[i]->d_name[0] != '.') {
			cases++;
			bad += !run_case(top, names[i]->d_name, bless);
		}
		free(names[i]);
	}
	free(names);
	printf("%u cases, %u not as expected\n", cases, bad);
	return cases == 0 || bad > 0;
}
