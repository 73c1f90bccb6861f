/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. update: other limits for a container that exists. What is said is written to its
 * cgroup, what is not said stays; either all of it holds afterwards and is stored, or none of it.
 * While the container is in quarantine it is kept until the release.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cgroup.h"
#include "engine/cgroup_stats.h"
#include "engine/cgroup_update.h"
#include "life/container.h"
#include "life/lifecycle.h"
#include "life/pending.h"
#include "life/scope.h"
#include "life/trigger.h"
#include "life/update.h"
#include "life/update_rdt.h"
#include "oci/resources_doc.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

/* A number in a file of the group. False: no such file. UINT64_MAX: "max". */
static bool read_number(int group, const char *file, uint64_t *ret)
{
	char text[64];

	if (file_read(group, file, text, sizeof(text)) < 0)
		return false;
	*ret = cgroup_stats_number(text);
	return true;
}

/*
 * Quota and period are one file, and a burst has to fit them: what is not said is what the kernel
 * has, whoever wrote it. But systemd forgets the period of what has no quota (`unit`: it does the
 * writing); it is the one that was said before.
 */
static void complete_cpu(int group, const struct oci_cpu *before, bool unit, struct oci_cpu *cpu)
{
	bool quota = cpu->quota.value, period = cpu->period.value;
	char text[64], *blank;
	uint64_t burst;

	if (!quota && !period && !cpu->burst.set)
		return;
	if (file_read(group, "cpu.max", text, sizeof(text)) < 0 || !(blank = strchr(text, ' ')))
		return;
	*blank = '\0';
	if (!quota)
		cpu->quota = (struct opt_i64){
			true, strcmp(text, "max") == 0 ? -1 : strtoll(text, NULL, 10),
		};
	if (!period && unit && strcmp(text, "max") == 0 && before->period.value)
		cpu->period = before->period;
	else if (!period)
		cpu->period = (struct opt_u64){ true, strtoull(blank + 1, NULL, 10) };
	if (!cpu->burst.set && read_number(group, "cpu.max.burst", &burst) && burst)
		cpu->burst = (struct opt_u64){ true, burst };
}

/* An idle group takes no weight: who gives it one wants it to be idle no longer. */
static void complete_idle(int group, struct oci_cpu *cpu)
{
	uint64_t idle;

	if (!cpu->idle.set && cpu->shares.value && read_number(group, "cpu.idle", &idle) && idle)
		cpu->idle = (struct opt_i64){ true, 0 };
}

static bool has_unified(const struct oci_resources *r, const char *key)
{
	for (size_t i = 0; i < r->unified.count; i++)
		if (strcmp(r->unified.items[i].key, key) == 0)
			return true;
	return false;
}

/*
 * "No limit" for memory means swap as well, as in cgroup v1. Swap is said together with memory: by
 * itself it is counted with the limit that is there, and what was said before holds beside a new
 * limit.
 */
static void complete_memory(int group, const struct oci_resources *before,
			    struct oci_memory *memory)
{
	uint64_t limit;

	if (memory->limit.value == -1 && memory->swap.value == 0)
		memory->swap = (struct opt_i64){ true, -1 };
	if (memory->swap.value > 0 && memory->limit.value == 0 &&
	    read_number(group, "memory.max", &limit) && limit > 0 && limit <= INT64_MAX)
		memory->limit = (struct opt_i64){ true, (int64_t)limit };
	if (memory->limit.value > 0 && memory->swap.value == 0 && before->memory.swap.value &&
	    !has_unified(before, "memory.swap.max"))
		memory->swap = before->memory.swap;
}

/*
 * Cgroup v1 refused a limit that is in use already; v2 takes it, and kills. A group without the
 * controller uses nothing that could be compared.
 */
static int check_usage(int group, const struct oci_memory *asked, struct opt_bool wanted,
		       struct err *e)
{
	uint64_t usage;
	int64_t limit = asked->limit.value, swap = asked->swap.value;

	if (!wanted.value || !read_number(group, "memory.current", &usage))
		return 0;
	if (swap > 0 && (uint64_t)swap <= usage)
		return err_set(e, ERR_POLICY, "rejecting memory+swap limit %lld <= usage %llu",
			       (long long)swap, (unsigned long long)usage);
	if (limit > 0 && (uint64_t)limit <= usage)
		return err_set(e, ERR_POLICY, "rejecting memory limit %lld <= usage %llu",
			       (long long)limit, (unsigned long long)usage);
	return 0;
}

/*
 * `unified` overrules the other members wherever both are written. A file of it that one of those
 * was written to just now must not come back. Files with a line for each device are left: their
 * other lines still hold.
 */
static void drop_overwritten(struct oci_resources *r, const struct plan_cgroup *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->unified.count; i++) {
		bool written = false;

		for (size_t k = 0; k < plan->writes.count && !written; k++) {
			const struct plan_cgroup_write *w = &plan->writes.items[k];

			written = strcmp(w->file, r->unified.items[i].key) == 0 &&
				  !strchr(w->value, ':') && strcmp(w->file, "rdma.max") != 0;
		}
		if (!written)
			r->unified.items[kept++] = r->unified.items[i];
	}
	r->unified.count = kept;
}

static int store(const struct container *c, struct oci_resources *r,
		 const struct oci_resources *change, const struct plan_cgroup *plan,
		 struct arena *a, struct err *e)
{
	const char *text;

	drop_overwritten(r, plan);
	oci_resources_merge(r, change, a);
	text = oci_resources_text(r, a);
	if (file_replace(c->dir, "resources.json", text, strlen(text)) < 0)
		return err_sys(e, "write the container's resources.json");
	return 0;
}

/*
 * Who is not idle and shall not be stays as it is. Where it is written, systemd has to be told a
 * weight, and of this one it knows the right one.
 */
static void drop_not_idle(int group, struct plan_cgroup *plan)
{
	uint64_t idle;
	size_t kept = 0;

	if (!read_number(group, "cpu.idle", &idle) || idle)
		return;
	for (size_t i = 0; i < plan->writes.count; i++) {
		const struct plan_cgroup_write *w = &plan->writes.items[i];

		if (strcmp(w->file, "cpu.idle") != 0 || strcmp(w->value, "0") != 0)
			plan->writes.items[kept++] = *w;
	}
	plan->writes.count = kept;
}

/* Tells systemd what the files of the group are set back to. */
static void tell_old(const struct life *l, const char *unit, const struct cgroup_changes *changes,
		     struct arena *a, struct err *e)
{
	struct plan_cgroup old = { .unit = unit };
	struct err failed;

	old.writes.items = arena_new_array(a, struct plan_cgroup_write, changes->count);
	for (size_t i = 0; i < changes->count; i++)
		old.writes.items[old.writes.count++] = (struct plan_cgroup_write){
			.file = changes->items[i].file, .value = changes->items[i].value,
			.member = changes->items[i].file,
		};
	if (plan_unit_update(unit, a, &old, &failed) < 0 || scope_limit(l, &old, &failed) < 0)
		err_hint(e, "systemd still has the new limits: %s", failed.text);
}

/*
 * What systemd writes otherwise than it is meant, when it writes other limits of the controller:
 * memory.oom.group from an OOMPolicy that it takes before the start only, and its own period where
 * there is no quota.
 */
static const char *const untold_files[] = { "memory.oom.group", "cpu.max" };

static void note_untold(int group, struct arena *a, struct cgroup_changes *ret)
{
	char text[64];

	ret->items = arena_new_array(a, struct cgroup_change, ARRAY_LEN(untold_files));
	for (size_t i = 0; i < ARRAY_LEN(untold_files); i++)
		if (file_read(group, untold_files[i], text, sizeof(text)) >= 0)
			ret->items[ret->count++] = (struct cgroup_change){
				untold_files[i], arena_strdup(a, text),
			};
}

static int write_untold(int group, const struct cgroup_changes *noted, struct err *e)
{
	char text[64];

	for (size_t i = 0; i < noted->count; i++) {
		const struct cgroup_change *c = &noted->items[i];

		if (file_read(group, c->file, text, sizeof(text)) >= 0 &&
		    strcmp(text, c->value) != 0 && file_write(group, c->file, c->value) < 0)
			return err_sys(e, "%s \"%s\", after systemd", c->file, c->value);
	}
	return 0;
}

/* An update, from what was asked for to what will be written. */
struct job {
	const struct life *l;
	struct container *c;
	int group;
	const char *path, *name;	/* name: what messages call the document */
	struct oci_resources change;	/* ours to complete */
	struct oci_intel_rdt rdt;
	struct oci_config config;
	struct plan_cgroup plan;
	struct arena *arena;
};

static int open_group(struct job *j, struct err *e)
{
	const char *mount;

	if (!container_cgroup(j->c, j->arena, &mount, &j->path))
		return err_set(e, ERR_STATE, "container \"%.80s\" has no cgroup, which is what "
			       "limits are for", j->c->id);
	j->group = cgroup_open(mount, j->path, e);
	return j->group < 0 ? -1 : 0;
}

static int decide(struct job *j, struct err *e)
{
	struct oci_resources *change = &j->change;
	struct opt_bool check = change->memory.check_before_update;
	struct str_list warnings = { 0 };
	const struct host_wants wants = { .controllers = true };
	struct host_facts facts;
	const char *unit;

	if (container_config(j->c, j->arena, &j->config, e) < 0 ||
	    host_facts_get(&wants, j->arena, &facts, e) < 0)
		return -1;
	unit = container_unit(j->c, j->arena);
	complete_cpu(j->group, &j->config.linux.resources.cpu, unit, &change->cpu);
	complete_idle(j->group, &change->cpu);
	complete_memory(j->group, &j->config.linux.resources, &change->memory);
	if (!check.set)
		check = j->config.linux.resources.memory.check_before_update;
	if (check_usage(j->group, &change->memory, check, e) < 0 ||
	    plan_resources(change, j->name, &facts, j->arena, &j->plan, &warnings, e) < 0)
		return -1;
	for (size_t i = 0; i < warnings.count; i++)
		j->l->warn(warnings.items[i]);
	j->plan.path = j->path;
	j->plan.unit = unit;
	drop_not_idle(j->group, &j->plan);
	return j->plan.unit ? plan_unit_update(j->name, j->arena, &j->plan, e) : 0;
}

static int update(struct job *j, struct err *e)
{
	struct cgroup_changes changes = { 0 }, untold = { 0 };
	auto_rdt_update rdt = RDT_UPDATE_NONE;
	struct err ignored;

	if (decide(j, e) < 0 || cgroup_update(j->group, &j->plan, j->arena, &changes, e) < 0)
		return -1;
	if (j->plan.unit)
		note_untold(j->group, j->arena, &untold);
	if (scope_limit(j->l, &j->plan, e) == 0) {
		if (write_untold(j->group, &untold, e) == 0 &&
		    rdt_update_make(j->l, j->c, &j->config.linux.intel_rdt, &j->rdt, j->group,
				    j->arena, &rdt, e) == 0 &&
		    store(j->c, &j->config.linux.resources, &j->change, &j->plan, j->arena,
			  e) == 0)
			return 0;
		rdt_update_undo(j->c, &rdt, j->arena, e);
		if (j->plan.unit)
			tell_old(j->l, j->plan.unit, &changes, j->arena, e);
		(void)write_untold(j->group, &untold, &ignored);
	}
	cgroup_update_undo(j->group, &changes, e);
	return -1;
}

int update_pending(const struct life *l, struct container *c, struct arena *a,
		   struct err *e)
{
	struct job j = { .l = l, .c = c, .group = -1, .name = "pending.json", .arena = a };
	int done = open_group(&j, e);
	struct err ignored;

	if (done == 0)
		done = pending_read(c, a, &j.change, e);
	if (done == 0)
		done = update(&j, e);
	auto_close_fd(&j.group);
	return pending_remove(c, done < 0 ? &ignored : e) < 0 ? -1 : done;
}

static bool says_nothing(const struct oci_resources *r, struct arena *a)
{
	const struct oci_resources nothing = { .set = false };

	return strcmp(oci_resources_text(r, a), oci_resources_text(&nothing, a)) == 0;
}

/* One that could not be made would keep the others that wait with it from being made. */
static int check_files(const struct job *j, struct err *e)
{
	for (size_t i = 0; i < j->plan.writes.count; i++) {
		const char *file = j->plan.writes.items[i].file;

		if (faccessat(j->group, file, W_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, "cgroup file \"%.80s\"", file);
	}
	return 0;
}

/* To be done now, or when the container is released. What cannot be done is refused either way. */
static int do_or_keep(struct job *j, bool held, struct err *e)
{
	struct oci_resources said = j->change;

	if (!held)
		return update(j, e);
	if (j->rdt.set)
		return guard_refuse(j->c->dir, j->c->id, "change the schemata of", e);
	if (decide(j, e) < 0 || check_files(j, e) < 0 ||
	    pending_add(j->c, &said, j->arena, e) < 0)
		return -1;
	j->l->warn("the container is in quarantine: the update is made when it is released");
	return 0;
}

static int act(struct job *j, const struct trigger *trigger, struct err *e)
{
	bool nothing = !j->rdt.set && says_nothing(&j->change, j->arena);
	const char *id = j->c->id, *mount, *path;

	/* Engines come here with what only they keep, too, a restart policy say. */
	if (nothing && !trigger->any && !container_cgroup(j->c, j->arena, &mount, &path))
		return 0;
	if (open_group(j, e) < 0)
		return -1;
	if (trigger->thaw && guard_holds_back(j->c->dir, id))
		return guard_refuse(j->c->dir, id, "thaw", e);
	if (trigger_run(j->l, j->c, j->group, trigger, j->arena, e) < 0)
		return -1;
	/* A release by the key goes before limits of the same update. */
	if (trigger->hold == TRIGGER_RELEASE && pending_there(j->c) &&
	    update_pending(j->l, j->c, j->arena, e) < 0)
		return -1;
	if (trigger->any && nothing)
		return 0;
	return do_or_keep(j, guard_holds_back(j->c->dir, id), e);
}

int life_update(const struct life *l, const char *id, const struct oci_resources *resources,
		const struct oci_intel_rdt *rdt, const char *name, struct err *e)
{
	auto_arena a = ARENA_NONE;
	auto_container c = CONTAINER_NONE;
	struct job j = { .l = l, .c = &c, .group = -1, .name = name, .change = *resources,
			 .rdt = *rdt, .arena = &a };
	struct trigger trigger;
	int done;

	if (container_open_locked(l, id, CONTAINER_LOCK_MS, &a, &c, e) < 0 ||
	    lifecycle_check(VERB_UPDATE, c.status, id, e) < 0 ||
	    trigger_read(&j.change, name, &a, &trigger, e) < 0)
		return -1;
	j.change.devices.count = 0;	/* engines send "deny all" with every update */
	/* Engines write 0 for "not said"; 1, which a limit of 0 is elsewhere, forbids all forks. */
	if (j.change.pids.limit.value == 0)
		j.change.pids.limit.set = false;
	done = act(&j, &trigger, e);
	auto_close_fd(&j.group);
	container_audit(l, &c, "update", done < 0 ? e : NULL);
	return done;
}
