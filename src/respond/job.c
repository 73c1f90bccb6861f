/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A job writes its result into a pipe and ends; the end of the pipe is the end of the
 * job. One that waits in the kernel may survive its SIGKILL for a while: it is not waited for.
 */
#include "respond/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "orlop/auto.h"

bool job_room(const struct jobs *j)
{
	return j->count < JOBS_MAX && j->stuck_count + j->count < STUCK_MAX;
}

bool job_busy(const struct jobs *j, uint64_t key, const struct rule *rule)
{
	size_t same = 0;
	bool twice = false;

	for (size_t i = 0; i < j->count; i++) {
		same += j->items[i].key == key;
		twice |= j->items[i].key == key && j->items[i].rule == rule;
	}
	for (size_t i = 0; i < j->stuck_count; i++) {
		same += j->stuck[i].key == key;
		twice |= j->stuck[i].key == key && j->stuck[i].rule == rule;
	}
	return twice || same >= JOBS_EACH_MAX;
}

/* In the new process. Whoever asks us to stop does not mean what is under way. */
static _Noreturn void work(int out, const struct life *life, const struct rule *rule,
			   const struct event *event, const struct target *target)
{
	auto_arena a = ARENA_NONE;
	sigset_t none;
	const char *text;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	text = action_run(life, rule, event, target, &a);
	_exit(fd_write_all(out, text, strlen(text)) < 0);
}

int job_start(struct jobs *j, const struct life *life, const struct rule *rule,
	      const struct event *event, const struct target *target, uint64_t key,
	      uint64_t began_us, const char *head, struct err *e)
{
	struct job *job = &j->items[j->count];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	auto_fd int in = ends[0], out = ends[1];
	*job = (struct job){ .key = key, .rule = rule, .began_us = began_us, .head = strdup(head),
			     .end_ms = fd_now_ms() + action_limit_ms(rule) };
	if (!job->head)
		return err_sys(e, "memory for a job");
	job->pid = fork();
	if (job->pid == 0)
		work(out, life, rule, event, target);
	if (job->pid < 0) {
		auto_free_ptr(&job->head);
		return err_sys(e, "fork");
	}
	job->pipe = take_fd(&in);
	j->count++;
	return 0;
}

void job_poll(const struct jobs *j, struct pollfd *ret)
{
	for (size_t i = 0; i < j->count; i++)
		ret[i] = (struct pollfd){ .fd = j->items[i].pipe, .events = POLLIN };
}

int job_wait_ms(const struct jobs *j)
{
	int64_t first = INT64_MAX, left;

	for (size_t i = 0; i < j->count; i++)
		if (j->items[i].end_ms < first)
			first = j->items[i].end_ms;
	if (first == INT64_MAX)
		return -1;
	left = first - fd_now_ms();
	return left < 0 ? 0 : (int)left;
}

static enum job_end finish(struct job *job)
{
	int status;
	pid_t done;

	do
		done = waitpid(job->pid, &status, 0);
	while (done < 0 && errno == EINTR);
	job->pid = 0;
	job->text[job->len] = '\0';
	return done > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	       job->len < ACTION_TEXT_MAX ? JOB_DONE : JOB_DIED;
}

enum job_end job_look(struct jobs *j, size_t index, bool readable)
{
	struct job *job = &j->items[index];

	if (readable) {
		ssize_t n = read(job->pipe, job->text + job->len, ACTION_TEXT_MAX - job->len);

		if (n > 0)
			job->len += (size_t)n;
		/* It wrote all that it had to say, and nothing that may hang comes after that. */
		else if (n == 0)
			return finish(job);
	}
	if (fd_now_ms() < job->end_ms)
		return JOB_GOES_ON;
	kill(job->pid, SIGKILL);
	return JOB_GIVEN_UP;
}

void job_drop(struct jobs *j, size_t index)
{
	struct job *job = &j->items[index];

	auto_close_fd(&job->pipe);
	auto_free_ptr(&job->head);
	if (job->pid > 0 && j->stuck_count < STUCK_MAX) {
		j->stuck[j->stuck_count].pid = job->pid;
		j->stuck[j->stuck_count].rule = job->rule;
		j->stuck[j->stuck_count++].key = job->key;
	}
	*job = j->items[--j->count];
}

void job_reap(struct jobs *j)
{
	for (size_t i = 0; i < j->stuck_count;) {
		if (waitpid(j->stuck[i].pid, NULL, WNOHANG) == 0)
			i++;
		else
			j->stuck[i] = j->stuck[--j->stuck_count];
	}
}
