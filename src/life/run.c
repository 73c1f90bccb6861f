/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: create and start in one, without a socket to wait at.
 */
#include <stdio.h>
#include <unistd.h>

#include "engine/console.h"
#include "life/container.h"
#include "life/foreground.h"
#include "life/making.h"
#include "life/start.h"
#include "orlop/auto.h"

static int start_it(struct making *c, struct err *e)
{
	const struct plan *plan = &c->bundle.plan;
	struct start s = {
		.life = c->life, .record = &c->record, .hooks = &plan->hooks,
		.seccomp = plan->seccomp, .control = c->spawn.control, .pidfd = c->spawn.pidfd,
	};

	making_hand_over(c);
	/* Before the program can look at it. */
	if (c->spawn.master >= 0 && !c->create->console_socket)
		console_adopt(c->spawn.master);
	return start_program(&s, e) == 0 ? 0 : -1;
}

static int stay(struct making *c, struct foreground *f, struct notify *notify, struct err *e)
{
	int none = -1, status;

	auto_close_fd(&c->spawn.control);
	f->dir = c->dir;
	f->id = c->create->id;
	state_unlock(c->dir);		/* from here on others may pause, resume or delete it */
	status = foreground_wait(f, c->spawn.pid, c->spawn.pidfd,
				 c->create->console_socket ? &none : &c->spawn.master, notify, e);
	if (f->filtered && c->bundle.plan.seccomp)
		c->life->warn(FOREGROUND_FILTERED);
	if (status >= 0)
		auto_close_fd(&c->spawn.pidfd);		/* reaped: nothing is left to kill */
	return status;
}

static int run(struct making *c, struct foreground *f, const struct life *l,
	       const struct life_create *create, struct arena *a, struct err *e)
{
	struct notify notify = NOTIFY_NONE;
	int status = -1;

	if (making_ready(c, l, create, false, a, e) < 0)
		return -1;
	if (making_check_console(c, e) == 0 && making_record(c, e) == 0 &&
	    notify_begin(&notify, c->dir, e) == 0 && start_it(c, e) == 0) {
		if (create->detach)
			status = notify_wait(&notify, c->spawn.pid, c->spawn.pidfd, e);
		else
			status = stay(c, f, &notify, e);
	}
	notify_end(&notify);
	if (status >= 0 && (create->detach || create->keep))
		undo_forget(&c->undo);
	making_undo(c);
	return status;
}

int life_run(const struct life *l, const struct life_create *create, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct foreground f = FOREGROUND_NONE;
	struct making c;
	int status;

	if (!create->detach && foreground_begin(&f, !create->no_subreaper, e) < 0)
		return -1;
	status = run(&c, &f, l, create, &a, e);
	making_close(&c);
	if (!create->detach)
		foreground_end(&f);
	return status;
}
