/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Where a container listens. What an image means to listen on it says nowhere but in
 * the ports that it exposes, which an engine may have handed on as an annotation; that is
 * documentation, and neither complete nor binding. So a socket is a note.
 *
 * The kernel tells of all sockets of a network namespace and not whose they are: they are looked
 * for among the open files of the container's processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "guard/drift.h"
#include "guard/netns.h"
#include "guard/sockdiag.h"
#include "orlop/auto.h"

enum {
	SPACES_MAX = 64,
	NOTES_MAX = 256,
	SEARCH_MS = 300,
	/* From here on Linux gives ports to clients, who have them until they have an answer. */
	UDP_OF_CLIENTS = 32768,
};

struct listener {
	uint32_t inode;
	bool ours;			/* in the namespace that was made for the container */
	bool drifted;
	pid_t pid;			/* who has it open; 0: not known */
	const char *protocol, *address;
	uint16_t port;
};

struct listeners {
	const struct drift_group *g;
	struct arena *arena;
	struct drift *d;
	struct listener *items;
	size_t count, unowned;
	int64_t end;
};

static const char exposed[] = "org.opencontainers.image.exposedPorts";

/* ---- the sockets ------------------------------------------------------------------------- */

/* A number behind a word of /proc/PID/net/sockstat; not 0 when it is not said. */
static bool is_counted(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return !at || strtoul(at + strlen(word), NULL, 10) != 0;
}

/* Whether a namespace has sockets of a kind that may listen: cheaper than entering it. */
static bool has_sockets(pid_t pid, struct arena *a)
{
	char path[48];
	const char *four, *six;

	snprintf(path, sizeof(path), "/proc/%d/net/sockstat", (int)pid);
	four = file_read_path(path, 4096, a, NULL);
	snprintf(path, sizeof(path), "/proc/%d/net/sockstat6", (int)pid);
	six = file_read_path(path, 4096, a, NULL);
	return !four || is_counted(four, "TCP: inuse ") || is_counted(four, "UDP: inuse ") ||
	       (six && (is_counted(six, "TCP6: inuse ") || is_counted(six, "UDP6: inuse ")));
}

static void add_sockets(struct listeners *l, const struct sockdiag_inets *sockets, bool ours)
{
	struct listener *items = arena_new_array(l->arena, struct listener,
						 l->count + sockets->count);

	if (l->count)
		memcpy(items, l->items, l->count * sizeof(*items));
	l->items = items;
	for (size_t i = 0; i < sockets->count; i++) {
		const struct sockdiag_inet *s = &sockets->items[i];
		struct listener *new = &l->items[l->count];
		char address[SOCKDIAG_TEXT];

		if (!s->inode)
			continue;
		sockdiag_here(s, address, &new->port);
		new->inode = s->inode;
		new->ours = ours;
		new->protocol = s->protocol == IPPROTO_TCP ? "tcp" : "udp";
		new->address = arena_strdup(l->arena, address);
		l->count++;
	}
}

/* 0, or -1 and errno. */
static int ask(struct listeners *l, pid_t pid, bool ours)
{
	struct sockdiag_inets sockets = { 0 };
	uint64_t inode, own_inode;
	auto_fd int netns = netns_open(pid, &inode);
	auto_fd int own = netns_open(getpid(), &own_inode);
	auto_fd int diag = -1;
	int before;

	if (netns < 0 || own < 0)
		return -1;
	if (inode == own_inode) {
		diag = sockdiag_open();
	} else {
		before = netns_enter(netns);
		if (before < 0)
			return -1;
		diag = sockdiag_open();
		netns_leave(before);
	}
	if (diag < 0 || sockdiag_listening(diag, l->arena, &sockets) < 0)
		return -1;
	if (sockets.lacking)
		code_tell(l->arena, &l->d->limits, "process %d: of its network namespace not all "
			  "listening sockets are told: the kernel has no tcp_diag or no udp_diag",
			  (int)pid);
	if (sockets.count)
		add_sockets(l, &sockets, ours);
	return 0;
}

/* Which network namespace a process is in; 0: it has ended. */
static ino_t space_of(pid_t pid)
{
	char path[48];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static void ask_all(struct listeners *l)
{
	const struct state_record *record = l->g->record;
	bool made = record && record->ns_new & CLONE_NEWNET;
	ino_t seen[SPACES_MAX], ours = made ? space_of(record->pid) : 0;
	size_t count = 0;

	for (size_t i = 0; i < l->g->count; i++) {
		pid_t pid = l->g->pids[i];
		ino_t space = pid > 0 ? space_of(pid) : 0;
		size_t k = 0;

		if (!space)
			continue;
		while (k < count && seen[k] != space)
			k++;
		if (k < count)
			continue;
		if (count == SPACES_MAX) {
			code_tell(l->arena, &l->d->limits, "listening sockets of more than %d network "
				  "namespaces are not told", SPACES_MAX);
			return;
		}
		seen[count++] = space;
		if (has_sockets(pid, l->arena) && ask(l, pid, space == ours) < 0)
			code_tell(l->arena, &l->d->limits, "process %d: the listening sockets of its "
				  "network namespace cannot be seen: %s", (int)pid,
				  err_errno_text(errno));
	}
}

/* ---- whose they are ---------------------------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
	const struct listener *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static void own(struct listeners *l, pid_t pid, const char *target, bool drifted)
{
	static const char socket_is[] = "socket:[";
	struct listener key = { 0 }, *found;

	if (strncmp(target, socket_is, strlen(socket_is)) != 0)
		return;
	key.inode = (uint32_t)strtoul(target + strlen(socket_is), NULL, 10);
	found = bsearch(&key, l->items, l->count, sizeof(key), by_inode);
	if (!found || found->pid)
		return;
	found->pid = pid;
	found->drifted = drifted;
	l->unowned--;
}

static void search(struct listeners *l, pid_t pid, bool drifted)
{
	char path[32], target[64];
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	auto_dir DIR *fds = opendir(path);
	while (fds && l->unowned && fd_now_ms() <= l->end && (entry = readdir(fds))) {
		/* "." and ".." are no links. */
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		own(l, pid, target, drifted);
	}
}

static bool has_drifted(const struct drift *d, pid_t pid)
{
	for (size_t i = 0; i < d->findings.count; i++)
		if (d->findings.items[i].pid == pid && drift_counts(&d->findings.items[i], false))
			return true;
	return false;
}

/* Of several who have a socket the one that has drifted is named. */
static void search_all(struct listeners *l)
{
	qsort(l->items, l->count, sizeof(*l->items), by_inode);
	l->unowned = l->count;
	l->end = fd_now_ms() + SEARCH_MS;
	for (int drifted = 1; drifted >= 0; drifted--)
		for (size_t i = 0; i < l->g->count; i++)
			if (l->g->pids[i] > 0 && has_drifted(l->d, l->g->pids[i]) == drifted)
				search(l, l->g->pids[i], drifted);
	if (l->unowned && fd_now_ms() > l->end)
		code_tell(l->arena, &l->d->limits, "not all open files were looked at in %d ms: "
			  "listening sockets may be missing", SEARCH_MS);
}

/* ---- what the image exposes -------------------------------------------------------------- */

/* The value of the annotation, or NULL without one that says something. */
static const char *exposed_by(const struct drift_group *g)
{
	const struct pair_list *all = g->record ? &g->record->annotations : NULL;

	for (size_t i = 0; all && i < all->count; i++)
		if (strcmp(all->items[i].key, exposed) == 0 && *all->items[i].value)
			return all->items[i].value;
	return NULL;
}

/* PURE. Whether "80/tcp,53/udp,8080" has a port; without a protocol it is tcp. */
static bool is_exposed(const char *list, const char *protocol, uint16_t port)
{
	for (const char *at = list; *at; at += strcspn(at, ", ")) {
		char *end;
		unsigned long number;
		size_t len;

		at += strspn(at, ", ");
		number = strtoul(at, &end, 10);
		if (end == at || number != port)
			continue;
		len = strcspn(end, ", ");
		if ((len == 0 && strcmp(protocol, "tcp") == 0) ||
		    (*end == '/' && len - 1 == strlen(protocol) &&
		     strncmp(end + 1, protocol, len - 1) == 0))
			return true;
	}
	return false;
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
	       strncmp(address, "::ffff:127.", 11) == 0;
}

/* Only the loopback's own can reach what is there, of which an image has nothing to say. */
static bool is_unexposed(const char *list, const struct listener *s)
{
	bool client = strcmp(s->protocol, "udp") == 0 && s->port >= UDP_OF_CLIENTS;

	return list && !client && !is_loopback(s->address) &&
	       !is_exposed(list, s->protocol, s->port);
}

/* ---- telling ----------------------------------------------------------------------------- */

static const char *program_of(int proc, struct arena *a)
{
	char path[4096];
	ssize_t len = proc < 0 ? -1 : readlinkat(proc, "exe", path, sizeof(path));

	return len > 0 ? arena_strndup(a, path, (size_t)len) : "";
}

/* Workers that share a port have a socket each. */
static bool is_told(const struct drift *d, size_t from, const struct listener *s)
{
	for (size_t i = from; i < d->findings.count; i++) {
		const struct drift_finding *f = &d->findings.items[i];

		if (f->port == s->port && f->drifted == s->drifted &&
		    strcmp(f->protocol, s->protocol) == 0 && strcmp(f->address, s->address) == 0)
			return true;
	}
	return false;
}

static void tell(struct listeners *l, const struct listener *s, const char *list)
{
	bool unexposed = is_unexposed(list, s);
	struct drift_finding f = {
		.kind = unexposed ? DRIFT_UNEXPOSED : DRIFT_LISTENER, .drifted = s->drifted,
		.pid = s->pid, .name = "", .path = "", .protocol = s->protocol,
		.address = s->address, .port = s->port,
	};

	if (s->pid) {
		char path[32];

		snprintf(path, sizeof(path), "/proc/%d", (int)s->pid);
		auto_fd int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		f.name = code_name(proc, l->arena);
		f.path = program_of(proc, l->arena);
	}
	f.detail = arena_printf(l->arena, "%s%s", s->drifted ?
		"by a process that runs code which is not in the image" : s->pid ?
		"by a process of the container" : "no process was seen to have it open",
		unexposed ? ", at a port that the image does not expose" : "");
	code_find(l->arena, l->d, &f);
}

void drift_listeners(const struct drift_group *g, struct arena *a, struct drift *d)
{
	struct listeners l = { .g = g, .arena = a, .d = d };
	size_t from, notes = 0;
	const char *list = exposed_by(g);

	ask_all(&l);
	if (!l.count)
		return;
	search_all(&l);
	from = d->findings.count;
	for (size_t i = 0; i < l.count; i++) {
		const struct listener *s = &l.items[i];

		if ((!s->pid && !s->ours) || is_told(d, from, s))
			continue;
		if (!s->drifted && notes++ >= NOTES_MAX)
			d->more_notes++;
		else
			tell(&l, s, list);
	}
}
