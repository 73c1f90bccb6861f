/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. An id is the name of a directory, or its beginning: Falco gives twelve characters,
 * Tetragon thirty-one. A beginning that two containers share is nobody's. An alarm that names only
 * a pod is about those containers whose annotations, which the engine wrote, name it.
 */
#include "respond/target.h"

#include <string.h>

#include "orlop/auto.h"
#include "orlop/state.h"

enum { SHORTEST_ID = 12 };

/* What engines call the pod in annotations: containerd's word, CRI-O's and the kubelet's. */
static const char *const name_keys[] = { "io.kubernetes.cri.sandbox-name",
	"io.kubernetes.cri-o.KubeName", "io.kubernetes.pod.name", NULL };
static const char *const namespace_keys[] = { "io.kubernetes.cri.sandbox-namespace",
	"io.kubernetes.cri-o.Namespace", "io.kubernetes.pod.namespace", NULL };
static const char *const uid_keys[] = { "io.kubernetes.cri.sandbox-uid",
	"io.kubernetes.pod.uid", NULL };
static const char *const sandbox_keys[] = { "io.kubernetes.cri.sandbox-id",
	"io.kubernetes.cri-o.SandboxID", NULL };

static void add(struct targets *t, const char *root, const char *id, struct arena *a)
{
	if (t->count == TARGETS_MAX)
		return;
	if (!t->items)
		t->items = arena_new_array(a, struct target, TARGETS_MAX);
	t->items[t->count++] = (struct target){ root, arena_strdup(a, id) };
}

static bool is_there(const char *root, const char *id)
{
	struct err ignored;
	auto_fd int top = state_open_root(root, false, &ignored);
	auto_fd int dir = -1;

	return top >= 0 && state_open(top, id, &dir, &ignored) == 0;
}

/* Calls for each container of each root; what cannot be read is passed over. */
static void each(const struct str_list *roots, struct arena *a,
		 void (*visit)(void *argument, const char *root, const char *id), void *argument)
{
	for (size_t i = 0; i < roots->count; i++) {
		struct str_list ids = { 0 };
		struct err ignored;
		auto_fd int top = state_open_root(roots->items[i], false, &ignored);

		if (top < 0 || state_list(top, a, &ids, &ignored) < 0)
			continue;
		for (size_t k = 0; k < ids.count; k++)
			visit(argument, roots->items[i], ids.items[k]);
	}
}

struct search {
	const struct event *event;
	const char *sandbox;		/* or NULL: by the pod's name */
	struct arena *arena;
	struct targets *found;
};

static void take_beginning(void *argument, const char *root, const char *id)
{
	struct search *s = argument;

	if (strncmp(id, s->event->container, strlen(s->event->container)) == 0)
		add(s->found, root, id, s->arena);
}

static void find_by_id(const struct str_list *roots, const struct event *event, struct arena *a,
		       struct targets *ret)
{
	struct search s = { .event = event, .arena = a, .found = ret };

	if (!state_id_valid(event->container)) {
		ret->why = "the event's container id is not one";
		return;
	}
	for (size_t i = 0; i < roots->count && !ret->count; i++)
		if (is_there(roots->items[i], event->container))
			add(ret, roots->items[i], event->container, a);
	if (!ret->count && strlen(event->container) >= SHORTEST_ID)
		each(roots, a, take_beginning, &s);
	if (ret->count > 1) {
		ret->count = 0;
		ret->why = "more than one container has an id that begins so";
	} else if (!ret->count) {
		ret->why = "no such container here";
	}
}

/* ---- pods -------------------------------------------------------------------------------- */

static const char *annotation(const struct state_record *record, const char *const *keys)
{
	for (; *keys; keys++)
		for (size_t i = 0; i < record->annotations.count; i++)
			if (strcmp(record->annotations.items[i].key, *keys) == 0)
				return record->annotations.items[i].value;
	return "";
}

static bool load(const char *root, const char *id, struct arena *a, struct state_record *ret)
{
	struct err ignored;
	auto_fd int top = state_open_root(root, false, &ignored);
	auto_fd int dir = -1;

	return top >= 0 && state_open(top, id, &dir, &ignored) == 0 &&
	       state_load(dir, a, ret, &ignored) == 0;
}

static void take_of_pod(void *argument, const char *root, const char *id)
{
	struct search *s = argument;
	auto_arena scratch = ARENA_NONE;
	struct state_record record;
	const struct event *v = s->event;

	if (!load(root, id, &scratch, &record))
		return;
	if (s->sandbox) {
		if (strcmp(annotation(&record, sandbox_keys), s->sandbox) == 0)
			add(s->found, root, id, s->arena);
	} else if (strcmp(annotation(&record, name_keys), v->pod) == 0 &&
		   strcmp(annotation(&record, namespace_keys), v->pod_namespace) == 0 &&
		   (!v->pod_uid || strcmp(annotation(&record, uid_keys), v->pod_uid) == 0)) {
		add(s->found, root, id, s->arena);
	}
}

/* From one container of a pod to all of it; it alone where it is in none. */
static void widen(const struct str_list *roots, const struct event *event, struct arena *a,
		  struct targets *ret)
{
	struct search s = { .event = event, .arena = a, .found = ret };
	struct state_record record;

	if (!load(ret->items[0].root, ret->items[0].id, a, &record))
		return;
	s.sandbox = annotation(&record, sandbox_keys);
	if (!*s.sandbox)
		return;
	ret->count = 0;
	each(roots, a, take_of_pod, &s);
}

void target_find(const struct str_list *roots, const struct event *event, enum rule_scope scope,
		 struct arena *a, struct targets *ret)
{
	struct search s = { .event = event, .arena = a, .found = ret };

	*ret = (struct targets){ 0 };
	if (event->container) {
		find_by_id(roots, event, a, ret);
		if (ret->count && scope == SCOPE_POD)
			widen(roots, event, a, ret);
	} else if (event->pod && event->pod_namespace && scope == SCOPE_POD) {
		each(roots, a, take_of_pod, &s);
		if (!ret->count)
			ret->why = "no container of that pod is here";
	} else {
		ret->why = event->pod ? "the event names a pod and no container; the rule's scope is not "
					"pod" : "the event is about no container";
	}
}
