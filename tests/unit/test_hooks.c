/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks are little shell scripts here. What they see is what the configuration says and nothing
 * more; what they do (fail, hang, flood, close, fork, die) is told and bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "check.h"
#include "base/environment.h"
#include "engine/hooks.h"
#include "orlop/auto.h"

static char top[] = "/tmp/orlop-test-hooks-XXXXXX";
static struct err e;
static struct arena a;
static char absent_path[] = "/does/not/exist";
static const char state_json[] = "{\"id\":\"web\"}";

/* A hook that is /bin/sh with a script; timeout 0 means that it has none. */
static struct oci_hook shell(const char *script, int timeout)
{
	struct oci_hook hook = { .path = arena_strdup(&a, "/bin/sh") };

	hook.args.count = 3;
	hook.args.items = arena_new_array(&a, char *, 3);
	hook.args.items[0] = arena_strdup(&a, "hook");
	hook.args.items[1] = arena_strdup(&a, "-c");
	hook.args.items[2] = arena_strdup(&a, script);
	hook.timeout.set = timeout != 0;
	hook.timeout.value = timeout;
	return hook;
}

static int run(struct oci_hook *hooks, size_t count, const char *json)
{
	const struct hook_list list = { .items = hooks, .count = count };

	e = (struct err){ 0 };
	return hooks_run(&list, "createRuntime", json, top, NULL, &e);
}

static int run_shell(const char *script, int timeout)
{
	struct oci_hook hook = shell(script, timeout);

	return run(&hook, 1, state_json);
}

static const char *content(const char *name)
{
	char *text = file_read_path(arena_printf(&a, "%s/%s", top, name), 1 << 24, &a, NULL);

	return text ? text : "(absent)";
}

static void test_what_it_sees(void)
{
	/* Without exec the shell's own descriptors and blocked signals would be seen as well. */
	struct oci_hook hooks[] = {
		shell("cat > in; tr '\\0' '\\n' < /proc/self/environ > env; pwd -P > cwd; "
		      "cut -d' ' -f6 /proc/$$/stat > session; echo $$ > pid", 0),
		shell("exec ls /proc/self/fd > fds", 0),
		shell("exec grep -E '^(SigBlk|SigIgn)' /proc/self/status > signals", 0),
	};
	char one[] = "ONE=1", two[] = "TWO=a b", *env[] = { one, two };
	int leak = fcntl(STDERR_FILENO, F_DUPFD, 7);	/* without close-on-exec, on purpose */
	sigset_t block, old;

	setenv("LD_PRELOAD_CANARY", "leaked", 1);
	sigfillset(&block);
	sigprocmask(SIG_SETMASK, &block, &old);
	signal(SIGUSR1, SIG_IGN);
	hooks[0].env.items = env;
	hooks[0].env.count = 2;
	CHECK(run(hooks, ARRAY_LEN(hooks), state_json) == 0, "%s", e.text);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGUSR1, SIG_DFL);
	CHECK_STR(content("in"), state_json);
	/* cat, tr and the like inherit what the shell adds; the shell's own is what was given. */
	CHECK(strstr(content("env"), "ONE=1\n") && strstr(content("env"), "TWO=a b\n"));
	CHECK(!strstr(content("env"), "CANARY") && !strstr(content("env"), "PATH="));
	CHECK(leak > 2);
	CHECK_STR(content("fds"), "0\n1\n2\n3\n");	/* 3 is the directory that ls reads */
	CHECK(strncmp(content("cwd"), top, strlen(top)) == 0, "%s", content("cwd"));
	CHECK_STR(content("signals"), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	CHECK_STR(content("session"), content("pid"));
	close(leak);
}

/* argv is exact, down to argv[0]; without args it is the path, without env it has the caller's. */
static void test_argv(void)
{
	struct oci_hook hook = { .path = arena_printf(&a, "%s/show", top) };
	char zero[] = "zero", empty[] = "", words[] = "two words", *args[] = { zero, empty, words };
	static const char script[] = "#!/bin/sh\nprintf '<%s>' \"$@\" > argv\n"
				     "tr '\\0' '|' < /proc/$$/cmdline >> argv\n";

	auto_fd int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(file_replace(dir, "show", script, sizeof(script) - 1) == 0);
	CHECK(fchmodat(dir, "show", 0755, 0) == 0);
	hook.args.items = args;
	hook.args.count = 3;
	CHECK(run(&hook, 1, "") == 0, "%s", e.text);
	CHECK(strstr(content("argv"), "<><two words>"), "%s", content("argv"));
	hook = shell("tr '\\0' '|' < /proc/$$/cmdline > argv", 0);
	CHECK(run(&hook, 1, "") == 0, "%s", e.text);
	CHECK(strncmp(content("argv"), "hook|-c|", 8) == 0, "%s", content("argv"));
	hook = (struct oci_hook){ .path = hook.path };
	CHECK(run(&hook, 1, "tr '\\0' '|' < /proc/$$/cmdline > argv\n"
			    "wc -c < /proc/$$/environ > env") == 0, "%s", e.text);
	CHECK_STR(content("argv"), "/bin/sh|");
	CHECK_STR(content("env"), "0\n");
	hook = shell("echo \"$FROM_CALLER\" > env", 0);
	setenv("FROM_CALLER", "word", 1);
	environment_clean();
	CHECK(!getenv("FROM_CALLER"));
	CHECK(run(&hook, 1, "") == 0, "%s", e.text);
	CHECK_STR(content("env"), "word\n");
	environment_forget();
	CHECK(run(&hook, 1, "") == 0, "%s", e.text);
	CHECK_STR(content("env"), "\n");
}

static void test_failures(void)
{
	static const struct {
		const char *script, *text;
	} rows[] = {
		{ "exit 1", "error running createRuntime hook #0: exit status 1, stdout: , stderr: " },
		{ "echo out; echo bad >&2; exit 3",
		  "error running createRuntime hook #0: exit status 3, stdout: out\n, stderr: bad\n" },
		{ "kill -9 $$",
		  "error running createRuntime hook #0: signal: killed, stdout: , stderr: " },
		{ "kill -15 $$",
		  "error running createRuntime hook #0: signal: terminated, stdout: , stderr: " },
		{ "printf 'a\\000b'; exit 1",
		  "error running createRuntime hook #0: exit status 1, stdout: a?b, stderr: " },
	};
	struct oci_hook absent = { .path = absent_path };
	struct oci_hook not_executable = { .path = arena_strdup(&a, "/etc/passwd") };
	struct oci_hook pair[2];
	struct hook_list list = { .items = pair, .count = 1 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(run_shell(rows[i].script, 0) == -1, "row %zu", i);
		CHECK_STR(e.text, rows[i].text);
	}
	CHECK(run(&absent, 1, state_json) == -1);
	CHECK_STR(e.text, "error running createRuntime hook #0: exec \"/does/not/exist\": "
			  "no such file or directory");
	CHECK(run(&not_executable, 1, state_json) == -1 && strstr(e.text, "permission denied"),
	      "%s", e.text);
	pair[0] = shell("exit 0", 0);
	CHECK(hooks_run(&list, "poststart", "", "/does/not/exist", NULL, &e) == -1);
	CHECK(strstr(e.text, "open \"/does/not/exist\": no such file"), "%s", e.text);
	/* The first failure ends the row. */
	pair[0] = shell("exit 0", 0);
	pair[1] = shell("exit 1", 0);
	CHECK(run(pair, 2, state_json) == -1 && strstr(e.text, "hook #1: "), "%s", e.text);
	pair[0] = shell("exit 1", 0);
	pair[1] = shell("touch not-reached", 0);
	CHECK(run(pair, 2, state_json) == -1);
	CHECK_STR(content("not-reached"), "(absent)");
}

static unsigned told;
static char last_told[1200];

static void tell(const char *text)
{
	told++;
	snprintf(last_told, sizeof(last_told), "%s", text);
}

/* With somebody to tell, the rest runs and nothing failed. */
static void test_going_on(void)
{
	struct oci_hook hooks[3] = {
		shell("exit 1", 0), { .path = absent_path }, shell("touch reached", 0),
	};
	const struct hook_list list = { .items = hooks, .count = 3 };

	CHECK(hooks_run(&list, "poststop", state_json, top, tell, &e) == 0);
	CHECK(told == 2, "%u", told);
	CHECK(strstr(last_told, "error running poststop hook #1: exec"), "%s", last_told);
	CHECK_STR(content("reached"), "");
}

static bool exists(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

static void test_timeout(void)
{
	int64_t begin = fd_now_ms();

	CHECK(run_shell("sleep 100 & echo $! > child; wait", 1) == -1);
	CHECK(fd_now_ms() - begin >= 950 && fd_now_ms() - begin < 1600, "%lld ms",
	      (long long)(fd_now_ms() - begin));
	CHECK_STR(e.text, "error running createRuntime hook #0: hook ran past specified timeout of "
			  "1.0s, stdout: , stderr: ");
	usleep(100000);
	/* The whole group is gone; what is left of the child is at most unreaped. */
	pid_t child = atoi(content("child"));
	char stat[64];

	snprintf(stat, sizeof(stat), "/proc/%d/stat", (int)child);
	char *text = file_read_path(stat, 4096, &a, NULL);
	CHECK(!exists(child) || (text && strstr(text, ") Z ")), "%s", text);
	CHECK(run_shell("exit 0", 1000000000) == 0, "%s", e.text);
}

static void test_odd_ones(void)
{
	size_t big = 3 << 20;
	char *json = arena_alloc(&a, big + 1);
	struct oci_hook hook;
	int64_t begin = fd_now_ms();
	struct sigaction before, after;

	/* More state than a pipe holds: read, read late, not read, stdin closed. */
	memset(json, 'x', big);
	hook = shell("wc -c > count", 0);
	CHECK(run(&hook, 1, json) == 0, "%s", e.text);
	CHECK(atoi(content("count")) == (int)big, "%s", content("count"));
	hook = shell("yes | head -c 300000; cat > /dev/null", 0);
	CHECK(run(&hook, 1, json) == 0, "%s", e.text);
	hook = shell("exit 0", 0);
	CHECK(run(&hook, 1, json) == 0, "%s", e.text);
	sigaction(SIGPIPE, NULL, &before);
	hook = shell("exec <&-; sleep 0.1", 0);
	CHECK(run(&hook, 1, json) == 0, "%s", e.text);
	sigaction(SIGPIPE, NULL, &after);
	CHECK(before.sa_handler == after.sa_handler);
	/* A flood is not kept; its end is. */
	CHECK(run_shell("yes | head -c 2000000; echo the end; exit 1", 0) == -1);
	CHECK(strstr(e.text, "stdout: ...") && strstr(e.text, "the end\n, stderr: "), "%s", e.text);
	CHECK(run_shell("exec >&- 2>&-; sleep 0.1; exit 7", 0) == -1);
	CHECK(strstr(e.text, "exit status 7"), "%s", e.text);
	/* A daemon that keeps our pipes does not keep us. */
	CHECK(run_shell("sleep 5 & exit 0", 0) == 0, "%s", e.text);
	CHECK(fd_now_ms() - begin < 4000);
	/* Who ignores SIGCHLD still learns how it ended. */
	signal(SIGCHLD, SIG_IGN);
	CHECK(run_shell("exit 9", 0) == -1 && strstr(e.text, "exit status 9"), "%s", e.text);
	sigaction(SIGCHLD, NULL, &after);
	CHECK(after.sa_handler == SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

int main(void)
{
	char command[64];
	int fds;

	if (!mkdtemp(top))
		return 99;
	fds = open_fds();
	test_what_it_sees();
	test_argv();
	test_failures();
	test_going_on();
	test_timeout();
	test_odd_ones();
	CHECK(hooks_run(&(struct hook_list){ 0 }, "prestart", "", NULL, NULL, &e) == 0);
	CHECK(open_fds() == fds);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	CHECK(system(command) == 0);
	arena_free(&a);
	return check_result();
}
