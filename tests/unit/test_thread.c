/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread beside the first one is where it was told to be, and hears no signals.
 */
#include <signal.h>

#include "base/thread.h"
#include "check.h"

enum { SKIPPED = 77 };

struct seen {
	int processor;
	sigset_t blocked;
};

static void *look(void *argument)
{
	struct seen *seen = argument;

	seen->processor = sched_getcpu();
	pthread_sigmask(SIG_BLOCK, NULL, &seen->blocked);
	return NULL;
}

static void check_thread(const cpu_set_t *where)
{
	struct seen seen = { -1 };
	sigset_t before, after;
	pthread_t thread;

	sigprocmask(SIG_BLOCK, NULL, &before);
	CHECK(thread_start(&thread, look, &seen, where));
	pthread_join(thread, NULL);
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK(seen.processor >= 0);
	CHECK(!where || CPU_ISSET((size_t)seen.processor, where), "it was on %d", seen.processor);
	CHECK(sigismember(&seen.blocked, SIGTERM) && sigismember(&seen.blocked, SIGCHLD));
	CHECK(sigismember(&before, SIGTERM) == sigismember(&after, SIGTERM));
}

int main(void)
{
	cpu_set_t others;
	bool more = thread_others(&others);

	check_thread(NULL);
	if (!more) {
		fputs("skipped: needs a second processor\n", stderr);
		return SKIPPED;
	}
	CHECK(CPU_COUNT(&others) > 0);
	check_thread(&others);
	return check_result();
}
