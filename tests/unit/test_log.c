/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as engines read them, and what hostile words do to them. Standard error and log files
 * are temporary files here.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "orlop/auto.h"

enum { OUTPUT_MAX = 65536 };

static char standard_error[OUTPUT_MAX], log_file[OUTPUT_MAX];

static void read_back(const char *path, char *bytes)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, bytes, OUTPUT_MAX - 1);

	bytes[n > 0 ? n : 0] = '\0';
}

/* Each case is a process of its own: where records go is set once in a program's life. */
static void in_child(void (*what)(const char *log))
{
	char directory[] = "/tmp/test-log-XXXXXX", error[64], log[64];
	pid_t pid;
	int status;

	if (!mkdtemp(directory))
		abort();
	snprintf(error, sizeof(error), "%s/error", directory);
	snprintf(log, sizeof(log), "%s/log", directory);
	fflush(stderr);
	pid = fork();
	if (pid == 0) {
		int fd = open(error, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		dup2(fd, STDERR_FILENO);
		what(log);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
	read_back(error, standard_error);
	read_back(log, log_file);
	unlink(error);
	unlink(log);
	rmdir(directory);
}

/* Replaces the time, which is where it is expected to be and looks like one. */
static const char *timeless(char *record, const char *before)
{
	char *time = strstr(record, before);

	if (!time)
		return record;
	time += strlen(before);
	CHECK(strlen(time) > 20 && time[4] == '-' && time[10] == 'T' && time[19] == 'Z', "%s", record);
	if (strlen(time) > 20)
		memmove(time, time + 20, strlen(time + 20) + 1);
	return record;
}

static void open_or_die(const char *log)
{
	struct err e;

	if (log_open(log, &e))
		_exit(9);
}

static void text_error(const char *log)
{
	(void)log;
	log_setup(LOG_TEXT, 0);
	log_error("container does not exist");
}

static void text_bare(const char *log)
{
	(void)log;
	log_error("word");
}

static void json_file_error(const char *log)
{
	log_setup(LOG_JSON, 0);
	open_or_die(log);
	log_warn("held back");
	log_error("a \"b\"\n\x1b[31m \xff \xe2\x80\xae \xf3\xa0\x80\x81 \xc3\xa4 \\");
	log_done(false);
}

static void json_file_works(const char *log)
{
	log_setup(LOG_JSON, 0);
	open_or_die(log);
	log_warn("one");
	log_warn("two");
	log_done(true);
}

static void very_long(const char *log)
{
	static char text[30000];

	(void)log;
	memset(text, '\x01', sizeof(text) - 1);
	log_setup(LOG_JSON, 0);
	log_error(text);
}

static void debugging(const char *log)
{
	(void)log;
	log_setup(LOG_JSON, 1u << LOG_CGROUP);
	log_debug(LOG_CLI, "unheard");
	log_debug(LOG_CGROUP, "made %s", "it");
}

static void closed_pipe(const char *log)
{
	int ends[2];

	(void)log;
	if (pipe(ends))
		_exit(9);
	signal(SIGPIPE, SIG_IGN);	/* as the main function does */
	close(ends[0]);
	dup2(ends[1], STDERR_FILENO);
	log_warn("nobody reads this, and it ends nothing");
}

static void full_disk(const char *log)
{
	(void)log;
	open_or_die("/dev/full");
	log_error("text");
}

static void test_records(void)
{
	in_child(text_error);
	CHECK_STR(timeless(standard_error, "time=\""),
		  "time=\"\" level=error msg=\"container does not exist\"\n");
	CHECK_STR(log_file, "");
	in_child(text_bare);
	CHECK_STR(timeless(standard_error, "time=\""), "time=\"\" level=error msg=word\n");
}

static void test_json_to_file(void)
{
	in_child(json_file_error);
	CHECK_STR(timeless(log_file, "\"time\":\""),
		  "{\"level\":\"error\",\"msg\":\"a \\\"b\\\"\\n\\u001b[31m \\ufffd \\u202e "
		  "\\udb40\\udc01 \xc3\xa4 \\\\\",\"time\":\"\"}\n");
	CHECK_STR(standard_error, "a \"b\"\n\\x1b[31m \\xff \\u202e \\U000e0001 \xc3\xa4 \\\n");
	in_child(json_file_works);
	CHECK_STR(standard_error, "");
	CHECK(strstr(log_file, "\"msg\":\"one\"") && strstr(log_file, "\"msg\":\"two\""), "%s", log_file);
}

static void test_long_text_is_cut(void)
{
	size_t len;

	in_child(very_long);
	len = strlen(standard_error);
	CHECK(len > 4000 && len <= 8192, "%zu", len);
	CHECK(strstr(standard_error, "\\u0001...\",\"time\":\"2"), "%zu", len);
	CHECK_STR(standard_error + len - 3, "\"}\n");
}

static void test_debug(void)
{
	in_child(debugging);
	CHECK(strstr(standard_error, "\"func\":\"debugging\",\"level\":\"debug\","
				     "\"msg\":\"cgroup: made it\""), "%s", standard_error);
	CHECK(strstr(standard_error, "{\"file\":\""), "%s", standard_error);
	CHECK(!strstr(standard_error, "unheard"), "%s", standard_error);
}

static void test_nobody_reads(void)
{
	in_child(closed_pipe);
	in_child(full_disk);
	CHECK(strstr(standard_error, "Failed to write to log, no space left on device\n"), "%s",
	      standard_error);
	CHECK(strstr(standard_error, "text\n"), "%s", standard_error);
}

static void test_topics(void)
{
	static const struct {
		const char *words, *unknown;
		uint32_t want;
	} rows[] = {
		{ "", NULL, 0 },
		{ "cli", NULL, 1u << LOG_CLI },
		{ "child,cgroup", NULL, 1u << LOG_CHILD | 1u << LOG_CGROUP },
		{ "all", NULL, LOG_ALL_TOPICS },
		{ ",,plan,", NULL, 1u << LOG_PLAN },
		{ "help", "help", 0 },
		{ "cli,nope,no", "nope,no", 1u << LOG_CLI },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t got = 99;

		CHECK_STR(log_topics_read(rows[i].words, &got), rows[i].unknown);
		CHECK(got == rows[i].want, "%s: %x", rows[i].words, got);
	}
}

int main(void)
{
	test_records();
	test_json_to_file();
	test_long_text_is_cut();
	test_debug();
	test_nobody_reads();
	test_topics();
	return check_result();
}
