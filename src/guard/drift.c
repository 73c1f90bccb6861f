/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Looks at every process of a container's cgroup. The first process says what the
 * image is: it has the root that the engine made.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/cgroup.h"
#include "guard/code.h"
#include "guard/drift.h"
#include "guard/held.h"
#include "guard/tasks.h"
#include "json/emit.h"
#include "orlop/auto.h"
#include "orlop/state.h"

enum counts { ALWAYS, STRICT, NEVER };

static const struct {
	const char *word;
	enum counts counts;
} kinds[] = {
	[DRIFT_UPPER] = { "upper", ALWAYS },
	[DRIFT_CHANGED] = { "changed", ALWAYS },
	[DRIFT_DELETED] = { "deleted", ALWAYS },
	[DRIFT_MEMFD] = { "memfd", ALWAYS },
	[DRIFT_TMPFS] = { "tmpfs", ALWAYS },
	[DRIFT_VOLUME] = { "volume", ALWAYS },
	[DRIFT_OUTSIDE] = { "outside", ALWAYS },
	[DRIFT_SETUID] = { "setuid", ALWAYS },
	[DRIFT_ANONYMOUS] = { "anonymous", STRICT },
	[DRIFT_READONLY] = { "read-only", STRICT },
	[DRIFT_CAPABLE] = { "capable", STRICT },
	[DRIFT_EXECUTABLE] = { "executable", STRICT },
	[DRIFT_UNEXPOSED] = { "unexposed", STRICT },
	[DRIFT_LISTENER] = { "listener", NEVER },
};

bool drift_counts(const struct drift_finding *f, bool strict)
{
	enum counts counts = kinds[f->kind].counts;

	return f->drifted || counts == ALWAYS || (counts == STRICT && strict);
}

enum drift_verdict drift_judge(const struct drift *d, bool strict)
{
	for (size_t i = 0; i < d->findings.count; i++)
		if (drift_counts(&d->findings.items[i], strict))
			return DRIFT_FOUND;
	return d->more ? DRIFT_FOUND : d->untold.count ? DRIFT_UNKNOWN : DRIFT_NONE;
}

const char *drift_kind_word(enum drift_kind kind)
{
	return kinds[kind].word;
}

static void emit_list(struct emit *m, const char *key, const struct str_list *list)
{
	emit_array(m, key);
	for (size_t i = 0; i < list->count; i++)
		emit_str(m, NULL, list->items[i]);
	emit_end(m);
}

static void emit_finding(struct emit *m, const struct drift_finding *f, bool strict)
{
	emit_object(m, NULL);
	if (f->pid) {
		emit_i64(m, "pid", f->pid);
		emit_str(m, "name", f->name);
	}
	emit_str(m, "kind", drift_kind_word(f->kind));
	emit_bool(m, "drift", drift_counts(f, strict));
	emit_bool(m, "program", f->program);
	emit_str(m, "path", f->path);
	if (f->protocol) {
		emit_str(m, "protocol", f->protocol);
		emit_str(m, "address", f->address);
		emit_u64(m, "port", f->port);
	}
	emit_str(m, "detail", f->detail);
	emit_end(m);
}

const char *drift_json(const struct drift *d, const char *id, bool strict, struct arena *a)
{
	static const char *const words[] = {
		[DRIFT_NONE] = "none", [DRIFT_FOUND] = "drift", [DRIFT_UNKNOWN] = "unknown",
	};
	struct emit m = EMIT_IN(a, 2);

	emit_object(&m, NULL);
	emit_str(&m, "id", id);
	emit_str(&m, "result", words[drift_judge(d, strict)]);
	emit_u64(&m, "processes", d->processes);
	emit_array(&m, "findings");
	for (size_t i = 0; i < d->findings.count; i++)
		emit_finding(&m, &d->findings.items[i], strict);
	emit_end(&m);
	emit_u64(&m, "more", d->more);
	emit_u64(&m, "moreNotes", d->more_notes);
	emit_list(&m, "notKnown", &d->untold);
	emit_list(&m, "how", &d->limits);
	emit_end(&m);
	return emit_get(&m);
}

/* The container's first process while it lives, or the oldest that is there. */
static pid_t first_of(const struct drift_group *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->record && g->pids[i] == g->record->pid)
			return g->record->pid;
	return g->count ? g->pids[0] : 0;
}

void drift_look(const struct drift_group *g, struct arena *a, struct drift *ret)
{
	auto_code_image image = CODE_IMAGE_NONE;
	pid_t waiting = g->waiting && g->record ? g->record->pid : 0;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)first_of(g));
	auto_fd int proc = g->count ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	*ret = (struct drift){ 0 };
	image.arena = a;
	if (proc < 0) {
		if (g->count && tasks_is_there(first_of(g)))
			code_tell(a, &ret->untold, "process %d: /proc does not show it",
				  (int)first_of(g));
		return;
	}
	if (waiting) {
		/* It is the program that makes the container, in a file of memory. */
		code_tell(a, &ret->limits, "process %d waits for start: nothing of the image runs yet",
			  (int)waiting);
	}
	code_image_learn(&image, proc, g->record ? g->record->created : NULL, ret);
	for (size_t i = 0; i < g->count; i++)
		if (g->pids[i] > 0 && g->pids[i] != waiting)
			code_look(&image, g->pids[i], ret);
	drift_files(&image, ret);
	drift_listeners(g, a, ret);
}

int drift_find(const char *root, const char *id, struct arena *a, struct drift *ret, struct err *e)
{
	auto_held h = HELD_NONE;
	struct drift_group g = { 0 };
	struct state_record record = { 0 };
	enum state_status status = STATE_STOPPED;
	struct cgroup_pids pids = { 0 };
	struct err ignored;
	int found;

	if (held_find(root, id, a, &h, e) < 0)
		return -1;
	found = state_load(h.dir, a, &record, &ignored);
	if (h.group >= 0 && cgroup_pids(h.group, a, &pids, e) < 0)
		return -1;
	if (found == STATE_ABSENT && code_is_being_made(pids.items, pids.count))
		return err_set(e, ERR_STATE, "container does not exist");
	if (found == 0 && strcmp(record.id, id) == 0) {
		g.record = &record;
		if (state_status(h.dir, &record, &status, NULL, &ignored) < 0 ||
		    state_waiting(h.dir, &g.waiting, &ignored) < 0)
			g.waiting = false;
		/* Without a cgroup only the first process is known. */
		if (h.group < 0 && status != STATE_STOPPED) {
			pids.items = &record.pid;
			pids.count = 1;
		}
	}
	if (pids.count == 0)
		return err_set(e, ERR_STATE, "container not running");
	g.pids = pids.items;
	g.count = pids.count;
	drift_look(&g, a, ret);
	if (h.group < 0)
		code_tell(a, &ret->untold, "the container has no cgroup: only its first process is "
			  "known");
	return 0;
}
