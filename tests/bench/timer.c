/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs lists of commands in turn, many times, and prints how long each took.
 *
 * Turn by turn is the point: run 1 of every lane, then run 2 of every lane, so
 * that a machine that grows slower or busier does so for all of them. The
 * program is static and small, because the kernel counts the memory of whoever
 * spawned a command into that command's ru_maxrss; it starts commands with
 * posix_spawn (no copy of page tables) and is a subreaper, as an engine's shim
 * is, so it can wait for what a command left running.
 *
 * It knows nothing of containers. The job comes on standard input, one step a
 * line, words parted by tabs:
 *
 *   runs N          measured runs of every lane (before the first lane)
 *   warm N          runs before them that are not counted
 *   lane NAME LOG   the steps that follow are this lane's; commands' errors go to LOG
 *   begin           the clock starts (several spans in a run add up)
 *   end             the clock stops
 *   exec ARG...     run a command and wait; a status other than 0 ends the lane
 *   fan COUNT WIDTH ARG...   COUNT commands, WIDTH at a time; "%d" in an
 *                   argument becomes the number of the command
 *   remove DIR      remove a tree, as before a cold run
 *   reap            wait for every process that commands left behind
 *
 * Out comes one JSON object: per lane the nanoseconds, the processor time and
 * the largest resident set (KiB, of the processes that were waited for) of each
 * run, and what ended the lane, if something did.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 256
#define LANES_MAX 32
#define STEPS_MAX 32

enum step_kind { STEP_BEGIN, STEP_END, STEP_EXEC, STEP_FAN, STEP_REMOVE, STEP_REAP };

struct step {
	enum step_kind kind;
	int count, width;
	char **argv; /* NULL-terminated; of remove, the directory */
};

struct sample {
	uint64_t ns;
	uint64_t cpu_us;
	long rss_kib;
};

struct lane {
	const char *name;
	int log;
	int nsteps;
	struct step steps[STEPS_MAX];
	struct sample *samples;
	int nsamples;
	char error[160]; /* empty while the lane runs */
};

static char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", NULL
};

static struct lane lanes[LANES_MAX];
static int nlanes;
static int null_fd;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("timer: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- running ------------------------------------------------------------ */

static void sample_add(struct sample *s, const struct rusage *ru)
{
	s->cpu_us += (uint64_t)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000000 +
		     (uint64_t)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec);
	if (ru->ru_maxrss > s->rss_kib)
		s->rss_kib = ru->ru_maxrss;
}

static pid_t command_spawn(struct lane *lane, char **argv)
{
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int ret;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, null_fd, 0);
	posix_spawn_file_actions_adddup2(&fa, null_fd, 1);
	posix_spawn_file_actions_adddup2(&fa, lane->log, 2);
	ret = posix_spawn(&pid, argv[0], &fa, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&fa);
	if (ret == 0)
		return pid;
	snprintf(lane->error, sizeof lane->error, "%s: %s", argv[0], strerror(ret));
	return -1;
}

static bool status_ok(struct lane *lane, const char *verb, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		snprintf(lane->error, sizeof lane->error, "%s: signal %d", verb, WTERMSIG(status));
	else
		snprintf(lane->error, sizeof lane->error, "%s: exit status %d", verb,
			 WEXITSTATUS(status));
	return false;
}

static bool step_exec(struct lane *lane, struct step *step, struct sample *s)
{
	pid_t pid = command_spawn(lane, step->argv);
	struct rusage ru;
	int status;

	if (pid < 0)
		return false;
	if (wait4(pid, &status, 0, &ru) != pid)
		die("wait4: %s", strerror(errno));
	sample_add(s, &ru);
	return status_ok(lane, step->argv[0], status);
}

/* The arguments with "%d" replaced; they live in static memory until the next call. */
static char **fan_argv(char **argv, int number)
{
	static char text[WORDS_MAX][PATH_MAX];
	static char *out[WORDS_MAX];
	int i;

	for (i = 0; argv[i]; i++) {
		char *mark = strstr(argv[i], "%d");

		if (!mark) {
			out[i] = argv[i];
			continue;
		}
		snprintf(text[i], sizeof text[i], "%.*s%d%s", (int)(mark - argv[i]), argv[i],
			 number, mark + 2);
		out[i] = text[i];
	}
	out[i] = NULL;
	return out;
}

static bool step_fan(struct lane *lane, struct step *step, struct sample *s)
{
	int started = 0, running = 0;
	bool ok = true;

	while (running > 0 || (ok && started < step->count)) {
		struct rusage ru;
		int status;

		if (ok && started < step->count && running < step->width) {
			if (command_spawn(lane, fan_argv(step->argv, started)) < 0) {
				ok = false;
				continue;
			}
			started++;
			running++;
			continue;
		}
		if (wait4(-1, &status, 0, &ru) < 0)
			die("wait4: %s", strerror(errno));
		running--;
		sample_add(s, &ru);
		if (ok)
			ok = status_ok(lane, step->argv[0], status);
	}
	return ok;
}

static bool step_reap(struct sample *s)
{
	struct rusage ru;

	while (wait4(-1, NULL, 0, &ru) > 0)
		sample_add(s, &ru);
	if (errno != ECHILD)
		die("wait4: %s", strerror(errno));
	return true;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static bool step_remove(struct lane *lane, struct step *step)
{
	if (nftw(step->argv[0], remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
		return true;
	snprintf(lane->error, sizeof lane->error, "%s: %s", step->argv[0], strerror(errno));
	return false;
}

static bool lane_run(struct lane *lane, struct sample *s)
{
	uint64_t begun = 0;
	bool ok = true;

	memset(s, 0, sizeof *s);
	for (int i = 0; ok && i < lane->nsteps; i++) {
		struct step *step = &lane->steps[i];
		struct sample untimed = { 0 };
		struct sample *into = begun ? s : &untimed;

		switch (step->kind) {
		case STEP_BEGIN:
			begun = clock_ns();
			break;
		case STEP_END:
			s->ns += clock_ns() - begun;
			begun = 0;
			break;
		case STEP_EXEC:
			ok = step_exec(lane, step, into);
			break;
		case STEP_FAN:
			ok = step_fan(lane, step, into);
			break;
		case STEP_REMOVE:
			ok = step_remove(lane, step);
			break;
		case STEP_REAP:
			ok = step_reap(into);
			break;
		}
	}
	return ok;
}

/* --- the job ------------------------------------------------------------- */

static int number_parse(const char *s)
{
	char *end;
	long n = s ? strtol(s, &end, 10) : -1;

	if (!s || !*s || *end || n < 0 || n > 1000000)
		die("'%s' is not a number", s ? s : "");
	return (int)n;
}

static char **words_copy(char **words, int n)
{
	char **copy = calloc((size_t)n + 1, sizeof *copy);

	if (!copy)
		die("out of memory");
	memcpy(copy, words, (size_t)n * sizeof *copy);
	return copy;
}

static void lane_add(char **word, int n)
{
	struct lane *lane = &lanes[nlanes++];

	if (n != 3 || nlanes > LANES_MAX)
		die("lane NAME LOG, and at most %d of them", LANES_MAX);
	lane->name = word[1];
	lane->log = open(word[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (lane->log < 0)
		die("%s: %s", word[2], strerror(errno));
}

static void step_add(char **word, int n)
{
	static const struct {
		const char *name;
		enum step_kind kind;
		int min;
	} kinds[] = {
		{ "begin", STEP_BEGIN, 1 },   { "end", STEP_END, 1 },	{ "exec", STEP_EXEC, 2 },
		{ "fan", STEP_FAN, 4 },	      { "reap", STEP_REAP, 1 }, { "remove", STEP_REMOVE, 2 },
	};
	struct lane *lane = nlanes ? &lanes[nlanes - 1] : NULL;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct step *step;
		int skip = 1;

		if (strcmp(word[0], kinds[i].name) != 0)
			continue;
		if (!lane || n < kinds[i].min || lane->nsteps == STEPS_MAX)
			die("'%s': no lane yet, too few words or too many steps", word[0]);
		step = &lane->steps[lane->nsteps++];
		step->kind = kinds[i].kind;
		if (step->kind == STEP_FAN) {
			step->count = number_parse(word[1]);
			step->width = number_parse(word[2]);
			skip = 3;
		}
		step->argv = words_copy(word + skip, n - skip);
		return;
	}
	die("'%s' is not a step", word[0]);
}

static void job_read(int *runs, int *warm)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *text = strdup(line), *word[WORDS_MAX];
		int n = 0;

		if (!text)
			die("out of memory");
		text[strcspn(text, "\n")] = '\0';
		if (!*text)
			continue;
		/* strsep and not strtok: an empty word is an argument too. */
		for (char *rest = text; rest;) {
			if (n == WORDS_MAX - 1)
				die("a line of more than %d words", WORDS_MAX - 1);
			word[n++] = strsep(&rest, "\t");
		}
		if (strcmp(word[0], "runs") == 0 && n == 2)
			*runs = number_parse(word[1]);
		else if (strcmp(word[0], "warm") == 0 && n == 2)
			*warm = number_parse(word[1]);
		else if (strcmp(word[0], "lane") == 0)
			lane_add(word, n);
		else
			step_add(word, n);
	}
	free(line);
}

/* --- output -------------------------------------------------------------- */

static void string_print(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void lane_print(const struct lane *lane)
{
	fputs("{\"name\": ", stdout);
	string_print(lane->name);
	fputs(", \"error\": ", stdout);
	string_print(lane->error);
	fputs(", \"ns\": [", stdout);
	for (int i = 0; i < lane->nsamples; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)lane->samples[i].ns);
	fputs("], \"cpu_us\": [", stdout);
	for (int i = 0; i < lane->nsamples; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)lane->samples[i].cpu_us);
	fputs("], \"rss_kib\": [", stdout);
	for (int i = 0; i < lane->nsamples; i++)
		printf("%s%ld", i ? ", " : "", lane->samples[i].rss_kib);
	fputs("]}", stdout);
}

int main(void)
{
	int runs = 1, warm = 0;

	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		die("/dev/null: %s", strerror(errno));
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		die("PR_SET_CHILD_SUBREAPER: %s", strerror(errno));
	job_read(&runs, &warm);
	for (int i = 0; i < nlanes; i++) {
		lanes[i].samples = calloc((size_t)runs + 1, sizeof *lanes[i].samples);
		if (!lanes[i].samples)
			die("out of memory");
	}

	for (int run = -warm; run < runs; run++)
		for (int i = 0; i < nlanes; i++) {
			struct lane *lane = &lanes[i];
			struct sample s;

			if (lane->error[0] || !lane_run(lane, &s) || run < 0)
				continue;
			lane->samples[lane->nsamples++] = s;
		}

	puts("{\"lanes\": [");
	for (int i = 0; i < nlanes; i++) {
		lane_print(&lanes[i]);
		puts(i + 1 < nlanes ? "," : "");
	}
	puts("]}");
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 2;
}
