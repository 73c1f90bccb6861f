/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. profile learn: a run whose every call is asked about, with a process beside it that
 * answers. The two part when the container has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/seccomp_watch.h"
#include "life/learner.h"
#include "oci/words.h"
#include "orlop/auto.h"
#include "orlop/life.h"

struct learning {
	char place[32];			/* a directory that is ours alone */
	char path[48];
	int socket, stop, result;
	pid_t pid;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, each once. */
static void sort(struct str_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
	for (size_t i = 0; i < list->count; i++)
		if (!kept || strcmp(list->items[kept - 1], list->items[i]) != 0)
			list->items[kept++] = list->items[i];
	list->count = kept;
}

static void name_calls(const struct learner *l, struct arena *a, struct life_learned *ret)
{
	size_t most = LEARNER_ARCHES * LEARNER_CALLS;

	ret->calls.items = arena_new_array(a, char *, most + 16);
	ret->architectures.items = arena_new_array(a, char *, LEARNER_ARCHES + 1);
	for (size_t i = 0; seccomp_needed[i]; i++)
		ret->calls.items[ret->calls.count++] = arena_strdup(a, seccomp_needed[i]);
	ret->architectures.items[ret->architectures.count++] =
		arena_strdup(a, names_word(words_seccomp_archs, seccomp_arch_native()));
	for (int i = 0; i < LEARNER_ARCHES && l->arches[i]; i++) {
		const char *word = names_word(words_seccomp_archs, l->arches[i]);

		if (word)
			ret->architectures.items[ret->architectures.count++] =
				arena_strdup(a, word);
		for (int number = 0; number < LEARNER_CALLS; number++)
			if (l->calls[i][number])
				ret->calls.items[ret->calls.count++] = arena_strdup(
					a, seccomp_call_name(l->arches[i], number, a));
	}
	sort(&ret->calls);
	sort(&ret->architectures);
}

static void name_addresses(const struct learner *l, struct arena *a, struct life_learned *ret)
{
	ret->addresses.items = arena_new_array(a, char *, l->address_count + 1);
	for (uint32_t i = 0; i < l->address_count; i++)
		ret->addresses.items[ret->addresses.count++] = arena_strdup(a, l->addresses[i]);
	sort(&ret->addresses);
	ret->more_addresses = l->more_addresses;
}

static _Noreturn void serve(const struct learning *x)
{
	struct learner *l = calloc(1, sizeof(*l));

	/* What ends the program from a terminal does not end what has to say what it saw. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	if (l)
		learner_serve(x->socket, x->stop, l);
	_exit(!l || fd_write_all(x->result, l, sizeof(*l)) < 0);
}

static int begin(struct learning *x, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int stop[2], result[2];

	snprintf(x->place, sizeof(x->place), "/run/orlop-learn-XXXXXX");
	if (!mkdtemp(x->place))
		return err_sys(e, "directory for the learner");
	snprintf(x->path, sizeof(x->path), "%s/socket", x->place);
	memcpy(address.sun_path, x->path, sizeof(x->path));
	auto_fd int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (socket_fd < 0 || bind(socket_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(socket_fd, 8) < 0)
		return err_sys(e, "socket for the learner");
	if (pipe2(stop, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	auto_fd int stop_read = stop[0];
	x->stop = stop[1];
	if (pipe2(result, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	auto_fd int result_write = result[1];
	x->result = result[0];
	x->pid = fork();
	if (x->pid == 0) {
		struct learning mine = { .socket = socket_fd, .stop = stop_read,
					 .result = result_write };

		close(x->stop);
		serve(&mine);
	}
	return x->pid < 0 ? err_sys(e, "fork") : 0;
}

/* Takes what was learned; everything of the learner is gone afterwards. */
static int finish(struct learning *x, struct arena *a, struct life_learned *ret, struct err *e)
{
	auto_free struct learner *l = calloc(1, sizeof(*l));
	bool all = false;

	auto_close_fd(&x->stop);
	if (x->pid > 0 && l)
		all = fd_read_full(x->result, l, sizeof(*l)) == (ssize_t)sizeof(*l);
	auto_close_fd(&x->result);
	if (x->pid > 0)
		while (waitpid(x->pid, NULL, 0) < 0 && errno == EINTR)
			;
	unlink(x->path);
	rmdir(x->place);
	if (!all || l->failed)
		return err_set(e, ERR_SYSTEM, "the learner ended early: what it saw is lost");
	name_calls(l, a, ret);
	name_addresses(l, a, ret);
	return 0;
}

int life_learn(const struct life *l, const struct life_create *c, struct arena *a,
	       struct life_learned *ret, struct err *e)
{
	struct learning x = { .stop = -1, .result = -1 };
	struct life_create create = *c;
	struct err ignored;
	int status = begin(&x, e);

	*ret = (struct life_learned){ .more_addresses = false };
	create.learner = x.path;
	create.detach = create.keep = false;
	if (status == 0)
		status = life_run(l, &create, e);
	return finish(&x, a, ret, status < 0 ? &ignored : e) < 0 ? -1 : status;
}
