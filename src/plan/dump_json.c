/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The plan as a JSON document, for programs; the words are those of the text form. Writing
 * needs json/emit.h, the one thing the planner takes from that folder.
 */
#include "plan/dump.h"

#include <sys/mount.h>

#include "base/names.h"
#include "json/emit.h"
#include "oci/words.h"

static void emit_strs(struct emit *m, const char *key, const struct str_list *list)
{
	emit_array(m, key);
	for (size_t i = 0; i < list->count; i++)
		emit_str(m, NULL, list->items[i]);
	emit_end(m);
}

static void emit_pairs(struct emit *m, const char *key, const struct pair_list *list)
{
	emit_object(m, key);
	for (size_t i = 0; i < list->count; i++)
		emit_str(m, list->items[i].key, list->items[i].value);
	emit_end(m);
}

static void emit_maps(struct emit *m, const char *key, const struct id_map_list *maps)
{
	if (!maps->count)
		return;
	emit_array(m, key);
	for (size_t i = 0; i < maps->count; i++) {
		emit_object(m, NULL);
		emit_u64(m, "containerID", maps->items[i].container);
		emit_u64(m, "hostID", maps->items[i].host);
		emit_u64(m, "size", maps->items[i].size);
		emit_end(m);
	}
	emit_end(m);
}

static void emit_optional(struct emit *m, const char *key, const char *value)
{
	if (value && *value)
		emit_str(m, key, value);
}

static void emit_root(struct emit *m, const struct plan *p, struct arena *a)
{
	emit_str(m, "id", p->id);
	emit_str(m, "bundle", p->bundle);
	emit_optional(m, "ociVersion", p->oci_version);
	emit_object(m, "root");
	emit_str(m, "path", p->rootfs);
	emit_bool(m, "readonly", p->rootfs_readonly);
	emit_str(m, "propagation", dump_propagation(a, p->rootfs_propagation,
						    p->rootfs_propagation & MS_REC));
	emit_bool(m, "pivot", !p->no_pivot);
	emit_end(m);
}

static void emit_offset(struct emit *m, const char *key, const struct oci_time_offset *offset)
{
	if (!offset->set)
		return;
	emit_object(m, key);
	emit_i64(m, "secs", offset->secs);
	emit_u64(m, "nanosecs", offset->nanosecs);
	emit_end(m);
}

static void emit_namespaces(struct emit *m, const struct plan *p)
{
	emit_array(m, "namespaces");
	for (size_t i = 0; i < p->namespaces.count; i++) {
		emit_object(m, NULL);
		emit_str(m, "type", words_ns[p->namespaces.items[i].type].word);
		emit_optional(m, "path", p->namespaces.items[i].path);
		emit_end(m);
	}
	emit_end(m);
	emit_maps(m, "uidMappings", &p->uid_maps);
	emit_maps(m, "gidMappings", &p->gid_maps);
	emit_optional(m, "uidMapBy", p->uid_map_by);
	emit_optional(m, "gidMapBy", p->gid_map_by);
	if (p->deny_setgroups)
		emit_bool(m, "denySetgroups", true);
	if (p->monotonic.set || p->boottime.set) {
		emit_object(m, "timeOffsets");
		emit_offset(m, "monotonic", &p->monotonic);
		emit_offset(m, "boottime", &p->boottime);
		emit_end(m);
	}
	emit_optional(m, "hostname", p->hostname);
	emit_optional(m, "domainname", p->domainname);
	if (p->net_devices.count) {
		emit_object(m, "netDevices");
		for (size_t i = 0; i < p->net_devices.count; i++) {
			const struct oci_net_device *d = &p->net_devices.items[i];

			emit_str(m, d->host_name, d->name ? d->name : d->host_name);
		}
		emit_end(m);
	}
	emit_pairs(m, "sysctl", &p->sysctls);
}

static void emit_mount(struct emit *m, const struct plan_mount *mount, struct arena *a)
{
	static const char *const idmaps[PLAN_IDMAP_COUNT_] = {
		[PLAN_IDMAP_OWN] = "own", [PLAN_IDMAP_CONTAINER] = "container",
	};

	emit_object(m, NULL);
	emit_str(m, "target", mount->target);
	emit_str(m, "kind", dump_mount_kinds[mount->kind]);
	emit_optional(m, "type", mount->fstype);
	emit_optional(m, "source", mount->source);
	emit_optional(m, "set", dump_attrs(a, mount->attr_set));
	emit_optional(m, "clear", dump_attrs(a, mount->attr_clear));
	emit_optional(m, "clearUnlessLocked", dump_attrs(a, mount->attr_unsaid));
	emit_optional(m, "recursiveSet", dump_attrs(a, mount->rec_set));
	emit_optional(m, "recursiveClear", dump_attrs(a, mount->rec_clear));
	if (mount->propagation)
		emit_str(m, "propagation", dump_propagation(a, mount->propagation,
							    mount->propagation_recursive));
	if (mount->recursive)
		emit_bool(m, "recursive", true);
	if (mount->copy_up)
		emit_bool(m, "copyUp", true);
	if (mount->copy_link)
		emit_bool(m, "copyLink", true);
	if (mount->source_from_parent)
		emit_bool(m, "fromParent", true);
	emit_optional(m, "sourceInRoot", mount->source_in_root);
	emit_optional(m, mount->idmap_recursive ? "recursiveIdmap" : "idmap",
		      idmaps[mount->idmap]);
	emit_maps(m, "uidMappings", &mount->uid_maps);
	emit_maps(m, "gidMappings", &mount->gid_maps);
	emit_optional(m, "label", mount->root_label);
	if (mount->data.count)
		emit_strs(m, "data", &mount->data);
	emit_end(m);
}

static void emit_device(struct emit *m, const struct plan_device *d, bool bind, struct arena *a)
{
	emit_object(m, NULL);
	emit_str(m, "path", d->path);
	emit_str(m, "type", dump_device_type(d->type));
	emit_str(m, "number", dump_numbers(a, d->major, d->minor));
	emit_str(m, "mode", arena_printf(a, "%04o", d->mode));
	emit_u64(m, "uid", d->uid);
	emit_u64(m, "gid", d->gid);
	emit_str(m, "how", bind ? "bind" : "make");
	emit_end(m);
}

static void emit_files(struct emit *m, const struct plan *p, struct arena *a)
{
	emit_optional(m, "mountLabel", p->mount_label);
	emit_array(m, "mounts");
	for (size_t i = 0; i < p->mounts.count; i++)
		emit_mount(m, &p->mounts.items[i], a);
	emit_end(m);
	emit_array(m, "devices");
	for (size_t i = 0; i < p->devices.count; i++)
		emit_device(m, &p->devices.items[i], p->bind_devices, a);
	emit_end(m);
	emit_object(m, "symlinks");
	for (size_t i = 0; i < p->symlinks.count; i++)
		emit_str(m, p->symlinks.items[i].path, p->symlinks.items[i].target);
	emit_end(m);
	emit_bool(m, "ptmx", p->make_ptmx);
	emit_strs(m, "maskedPaths", &p->masked);
	emit_strs(m, "readonlyPaths", &p->readonly);
}

static void emit_write(struct emit *m, const struct plan_cgroup_write *w)
{
	emit_object(m, NULL);
	emit_str(m, "file", w->file);
	emit_str(m, "value", w->value);
	emit_optional(m, "otherFile", w->other_file);
	emit_optional(m, "otherValue", w->other_value);
	emit_optional(m, "controller", w->controller);
	emit_str(m, "member", w->member);
	if (w->skip_if_absent)
		emit_bool(m, "skipIfAbsent", true);
	emit_end(m);
}

static void emit_rule(struct emit *m, const struct plan_device_rule *r, struct arena *a)
{
	emit_object(m, NULL);
	emit_bool(m, "allow", r->allow);
	emit_str(m, "type", dump_device_type(r->type));
	emit_str(m, "number", dump_numbers(a, r->major, r->minor));
	emit_str(m, "access", dump_access(a, r->access));
	emit_end(m);
}

static void emit_properties(struct emit *m, const struct plan_cgroup *c, struct arena *a)
{
	emit_array(m, "properties");
	for (size_t i = 0; i < c->properties.count; i++) {
		const struct plan_unit_property *u = &c->properties.items[i];

		emit_object(m, NULL);
		emit_str(m, "name", u->name);
		emit_str(m, "type", u->type == 'y' ? "ay" : (char[]){ u->type, '\0' });
		if (u->type == 's' || u->type == 'y')
			emit_str(m, "value", u->type == 's' ? u->text : dump_unit_value(a, u));
		else if (u->type == 'b')
			emit_bool(m, "value", u->number);
		else
			emit_u64(m, "value", u->number);
		if (u->since)
			emit_u64(m, "since", u->since);
		emit_end(m);
	}
	emit_end(m);
}

static void emit_cgroup(struct emit *m, const struct plan_cgroup *c, struct arena *a)
{
	emit_object(m, "cgroup");
	emit_str(m, "driver", dump_drivers[c->driver]);
	emit_optional(m, "path", c->path);
	emit_optional(m, "unit", c->unit);
	if (c->properties.count)
		emit_properties(m, c, a);
	emit_strs(m, "controllers", &c->controllers);
	emit_strs(m, "offered", &c->offered);
	emit_array(m, "writes");
	for (size_t i = 0; i < c->writes.count; i++)
		emit_write(m, &c->writes.items[i]);
	emit_end(m);
	emit_bool(m, "deviceFilter", c->filter_devices);
	emit_array(m, "deviceRules");
	for (size_t i = 0; i < c->device_rules.count; i++)
		emit_rule(m, &c->device_rules.items[i], a);
	emit_end(m);
	if (c->delegate)
		emit_u64(m, "delegate", c->delegate_uid);
	emit_end(m);
}

static void emit_rdt(struct emit *m, const struct plan_rdt *r)
{
	if (!r->group)
		return;
	emit_object(m, "resctrl");
	emit_str(m, "group", r->group);
	emit_bool(m, "own", r->own);
	emit_bool(m, "mayMake", r->may_make);
	emit_strs(m, "schemata", &r->schemata);
	emit_optional(m, "monitor", r->monitor);
	emit_end(m);
}

static void emit_caps(struct emit *m, const char *key, uint64_t caps, struct arena *a)
{
	emit_array(m, key);
	for (unsigned n = 0; n < 64; n++) {
		if (caps & (UINT64_C(1) << n))
			emit_str(m, NULL, dump_cap(a, n));
	}
	emit_end(m);
}

static void emit_user(struct emit *m, const struct plan_process *p, struct arena *a)
{
	emit_object(m, "user");
	emit_u64(m, "uid", p->uid);
	emit_u64(m, "gid", p->gid);
	emit_array(m, "groups");
	for (size_t i = 0; i < p->groups.count; i++)
		emit_u64(m, NULL, p->groups.items[i]);
	emit_end(m);
	emit_bool(m, "setGroups", p->set_groups);
	if (p->umask.set)
		emit_str(m, "umask", arena_printf(a, "%04o", p->umask.value));
	emit_end(m);
	emit_object(m, "capabilities");
	emit_caps(m, "bounding", p->cap_bounding, a);
	emit_caps(m, "effective", p->cap_effective, a);
	emit_caps(m, "inheritable", p->cap_inheritable, a);
	emit_caps(m, "permitted", p->cap_permitted, a);
	emit_caps(m, "ambient", p->cap_ambient, a);
	emit_end(m);
}

static void emit_flags(struct emit *m, const struct name *table, uint64_t flags)
{
	emit_array(m, "flags");
	for (; table->word[0]; table++)
		if (flags & table->value)
			emit_str(m, NULL, table->word);
	emit_end(m);
}

static void emit_scheduler(struct emit *m, const struct oci_scheduler *s)
{
	emit_object(m, "scheduler");
	emit_str(m, "policy", names_word(words_sched_policies, (uint64_t)s->policy));
	emit_i64(m, "nice", s->nice);
	emit_i64(m, "priority", s->priority);
	emit_flags(m, words_sched_flags, s->flags);
	emit_u64(m, "runtime", s->runtime);
	emit_u64(m, "deadline", s->deadline);
	emit_u64(m, "period", s->period);
	emit_end(m);
}

static void emit_schedule(struct emit *m, const struct plan_process *p, struct arena *a)
{
	const struct plan_memory_policy *memory = &p->memory_policy;

	emit_optional(m, "cpuAffinityBefore", plan_mask_text(a, &p->cpus_before));
	emit_optional(m, "cpuAffinity", p->all_cpus ? "all" : plan_mask_text(a, &p->cpus));
	if (p->scheduler.set)
		emit_scheduler(m, &p->scheduler);
	if (p->io_priority.set) {
		emit_object(m, "ioPriority");
		emit_str(m, "class", names_word(words_io_classes, (uint64_t)p->io_priority.class));
		emit_i64(m, "priority", p->io_priority.priority);
		emit_end(m);
	}
	if (memory->set) {
		emit_object(m, "memoryPolicy");
		emit_str(m, "mode", names_word(words_mempolicy_modes, (uint64_t)memory->mode));
		emit_str(m, "nodes", plan_mask_text(a, &memory->nodes));
		emit_flags(m, words_mempolicy_flags, memory->flags);
		emit_end(m);
	}
	if (p->personality.set)
		emit_str(m, "personality", names_word(words_personalities, p->personality.value));
}

static void emit_process(struct emit *m, const struct plan_process *p, struct arena *a)
{
	emit_object(m, "process");
	emit_strs(m, "args", &p->args);
	emit_str(m, "cwd", p->cwd);
	emit_strs(m, "env", &p->env);
	emit_bool(m, "findHome", p->find_home);
	emit_bool(m, "terminal", p->terminal);
	if (p->terminal) {
		emit_u64(m, "consoleHeight", p->console_height);
		emit_u64(m, "consoleWidth", p->console_width);
	}
	emit_user(m, p, a);
	emit_bool(m, "noNewPrivileges", p->no_new_privs);
	if (p->oom_score_adj.set)
		emit_i64(m, "oomScoreAdj", p->oom_score_adj.value);
	emit_object(m, "rlimits");
	for (size_t i = 0; i < p->rlimits.count; i++) {
		emit_object(m, names_word(words_rlimits, (uint64_t)p->rlimits.items[i].resource));
		emit_u64(m, "soft", p->rlimits.items[i].soft);
		emit_u64(m, "hard", p->rlimits.items[i].hard);
		emit_end(m);
	}
	emit_end(m);
	emit_optional(m, "apparmorProfile", p->apparmor_profile);
	emit_optional(m, "selinuxLabel", p->selinux_label);
	emit_schedule(m, p, a);
	emit_bool(m, "newKeyring", p->new_keyring);
	emit_end(m);
}

static void emit_seccomp(struct emit *m, const struct oci_seccomp *s)
{
	emit_object(m, "seccomp");
	emit_str(m, "defaultAction", names_word(words_seccomp_actions, s->default_action));
	emit_array(m, "syscalls");
	for (size_t i = 0; i < s->rules.count; i++) {
		const struct oci_seccomp_rule *r = &s->rules.items[i];

		emit_object(m, NULL);
		emit_str(m, "action", names_word(words_seccomp_actions, r->action));
		emit_strs(m, "names", &r->names);
		emit_u64(m, "args", r->args.count);
		emit_end(m);
	}
	emit_end(m);
	emit_optional(m, "listenerPath", s->listener_path);
	emit_end(m);
}

static void emit_hooks(struct emit *m, const char *key, const struct hook_list *list)
{
	if (!list->count)
		return;
	emit_array(m, key);
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_hook *h = &list->items[i];

		emit_object(m, NULL);
		emit_str(m, "path", h->path);
		emit_strs(m, "args", &h->args);
		emit_strs(m, "env", &h->env);
		if (h->timeout.set)
			emit_i64(m, "timeout", h->timeout.value);
		emit_end(m);
	}
	emit_end(m);
}

static void emit_rest(struct emit *m, const struct plan *p)
{
	emit_object(m, "hooks");
	emit_hooks(m, "prestart", &p->hooks.prestart);
	emit_hooks(m, "createRuntime", &p->hooks.create_runtime);
	emit_hooks(m, "createContainer", &p->hooks.create_container);
	emit_hooks(m, "startContainer", &p->hooks.start_container);
	emit_hooks(m, "poststart", &p->hooks.poststart);
	emit_hooks(m, "poststop", &p->hooks.poststop);
	emit_end(m);
	emit_pairs(m, "annotations", &p->annotations);
	emit_u64(m, "preserveFds", p->preserve_fds);
	emit_u64(m, "listenFds", p->listen_fds);
	emit_bool(m, "notifySocket", p->notify_socket);
	emit_strs(m, "warnings", &p->warnings);
}

const char *plan_json(const struct plan *plan, bool explain, struct arena *a)
{
	struct emit m = EMIT_IN(a, 2);

	emit_object(&m, NULL);
	emit_root(&m, plan, a);
	emit_namespaces(&m, plan);
	emit_files(&m, plan, a);
	emit_cgroup(&m, &plan->cgroup, a);
	emit_rdt(&m, &plan->rdt);
	if (plan->has_process)
		emit_process(&m, &plan->process, a);
	if (plan->seccomp)
		emit_seccomp(&m, plan->seccomp);
	emit_rest(&m, plan);
	if (explain) {
		emit_array(&m, "reasons");
		for (size_t i = 0; i < plan->reasons.count; i++) {
			emit_object(&m, NULL);
			emit_str(&m, "fact", plan->reasons.items[i].fact);
			emit_str(&m, "because", plan->reasons.items[i].because);
			emit_end(&m);
		}
		emit_end(&m);
	}
	emit_end(&m);
	return emit_get(&m);
}
