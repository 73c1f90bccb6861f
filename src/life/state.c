/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What `state` and `list` show.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/cgroup.h"
#include "life/container.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

/* NULL for most: only a directory with a journal costs more than a look. */
static const char *remediation(const struct container *c, struct arena *a,
			       const char **ret_word)
{
	auto_fd int group = -1;
	const char *mount, *path;
	struct err ignored;

	if (c->status == STATE_STOPPED || faccessat(c->dir, "quarantine", F_OK, 0) < 0)
		return NULL;
	if (container_cgroup(c, a, &mount, &path))
		group = cgroup_open(mount, path, &ignored);
	return guard_state(c->dir, c->id, group, a, ret_word);
}

/* Engines keep of a state only the members that they know: an annotation is one they show. */
static struct pair_list annotated(const struct pair_list *annotations, const char *word,
				  struct arena *a)
{
	struct oci_pair *items = arena_new_array(a, struct oci_pair, annotations->count + 1);

	if (annotations->count)
		memcpy(items, annotations->items, annotations->count * sizeof(*items));
	items[annotations->count] = (struct oci_pair){ arena_strdup(a, "org.orlop.quarantine"),
						       arena_strdup(a, word) };
	return (struct pair_list){ items, annotations->count + 1 };
}

static struct life_view view_of(const struct container *c, struct arena *a)
{
	const struct state_record *r = &c->record;
	const char *word = NULL, *remediated = remediation(c, a, &word);

	return (struct life_view){
		.oci_version = r->oci_version, .id = r->id, .bundle = r->bundle,
		.rootfs = r->rootfs, .created = r->created,
		.pid = c->status == STATE_STOPPED ? 0 : r->pid,
		.status = c->status,
		.annotations = word ? annotated(&r->annotations, word, a) : r->annotations,
		.owner = r->owner,
		.remediation = remediated, .quarantine = word,
	};
}

int life_state(const struct life *l, const char *id, struct arena *a, struct life_view *ret,
	       struct err *e)
{
	auto_container c = CONTAINER_NONE;

	if (container_open(l, id, a, &c, e) < 0)
		return -1;
	*ret = view_of(&c, a);
	return 0;
}

/* Opens the root and lists it; a default root that is not there has none. */
static int open_listed(const struct life *l, struct arena *a, int *ret_root, struct str_list *ret,
		       struct err *e)
{
	*ret = (struct str_list){ 0 };
	*ret_root = state_open_root(l->root, false, e);
	if (*ret_root < 0)
		return e->code == ENOENT && l->root_is_default ? 0 : -1;
	return state_list(*ret_root, a, ret, e);
}

int life_names(const struct life *l, struct arena *a, struct str_list *ret, struct err *e)
{
	auto_fd int root = -1;

	return open_listed(l, a, &root, ret, e);
}

int life_list(const struct life *l, struct arena *a, struct life_views *ret, struct err *e)
{
	struct life_views views = { 0 };
	struct str_list ids;
	auto_fd int root = -1;

	if (open_listed(l, a, &root, &ids, e) < 0)
		return -1;
	views.items = arena_new_array(a, struct life_view, ids.count);
	for (size_t i = 0; i < ids.count; i++) {
		auto_container c = CONTAINER_NONE;
		int found;

		/* One that is just being created or deleted is not worth a word. */
		c.id = ids.items[i];
		found = state_open(root, c.id, &c.dir, e);
		if (found == 0)
			found = container_load(&c, a, e);
		if (found == 0)
			views.items[views.count++] = view_of(&c, a);
		else if (found < 0)
			l->warn(arena_printf(a, "load container %s: %s; left out%s", c.id, e->text,
					     e->code == EACCES ? "" : " (delete --force "
					     "removes what is left of it)"));
	}
	*ret = views;
	return 0;
}
