/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The plan as text: one fact on each line, in an order that does not change, with its cause
 * behind "  # " when it is asked for. Words from the configuration are quoted wherever a blank or
 * a control byte in them could be taken for the end of the word.
 */
#include "plan/dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/names.h"
#include "oci/words.h"

struct dump {
	struct text t;
	struct arena *a;
	const struct plan *plan;
	bool explain;
	bool *used;		/* for each reason: a line has shown it */
};

/* The longest reason for this line that was not shown; for a line of many, the one shown last. */
static const char *find_reason(struct dump *d, const char *line)
{
	const struct plan_reason *best = NULL;
	size_t best_len = 0, at = 0;

	for (size_t i = 0; i < d->plan->reasons.count; i++) {
		const struct plan_reason *r = &d->plan->reasons.items[i];
		size_t len = strlen(r->fact);

		if (strncmp(line, r->fact, len) != 0 || len < best_len)
			continue;
		if (len == best_len && best && !d->used[at])
			continue;
		best = r;
		best_len = len;
		at = i;
	}
	if (!best)
		return NULL;
	d->used[at] = true;
	return best->because;
}

static void line(struct dump *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes a whole line. */
static void line(struct dump *d, const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	text = arena_vprintf(d->a, format, ap);
	va_end(ap);
	text_puts(&d->t, text);
	if (d->explain) {
		const char *reason = find_reason(d, text);

		if (reason)
			text_printf(&d->t, "  # %s", reason);
	}
	text_add(&d->t, "\n", 1);
}

static const char *word(struct dump *d, const char *s)
{
	return plan_word(d->a, s);
}

static const char *words(struct dump *d, const struct str_list *list)
{
	struct text t = TEXT_IN(d->a);

	for (size_t i = 0; i < list->count; i++)
		text_printf(&t, " %s", word(d, list->items[i]));
	return text_get(&t);
}

static void dump_root(struct dump *d)
{
	const struct plan *p = d->plan;

	line(d, "id %s", p->id);
	line(d, "bundle %s", word(d, p->bundle));
	line(d, "rootfs %s", word(d, p->rootfs));
	line(d, "rootfs-readonly %s", p->rootfs_readonly ? "yes" : "no");
	line(d, "rootfs-propagation %s", dump_propagation(d->a, p->rootfs_propagation,
							  p->rootfs_propagation & MS_REC));
	line(d, "pivot %s", p->no_pivot ? "no" : "yes");
}

static void dump_maps(struct dump *d, const char *fact, const struct id_map_list *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		line(d, "%s %u %u %u", fact, maps->items[i].container, maps->items[i].host,
		     maps->items[i].size);
}

static void dump_namespaces(struct dump *d)
{
	const struct plan *p = d->plan;

	for (size_t i = 0; i < p->namespaces.count; i++) {
		const struct plan_namespace *ns = &p->namespaces.items[i];

		if (ns->path)
			line(d, "namespace %s join %s", words_ns[ns->type].word, word(d, ns->path));
		else
			line(d, "namespace %s new", words_ns[ns->type].word);
	}
	dump_maps(d, "uid-map", &p->uid_maps);
	dump_maps(d, "gid-map", &p->gid_maps);
	if (p->uid_map_by)
		line(d, "uid-map-by %s", word(d, p->uid_map_by));
	if (p->gid_map_by)
		line(d, "gid-map-by %s", word(d, p->gid_map_by));
	if (p->deny_setgroups)
		line(d, "setgroups deny");
	if (p->monotonic.set)
		line(d, "time-offset monotonic %lld %u", (long long)p->monotonic.secs,
		     p->monotonic.nanosecs);
	if (p->boottime.set)
		line(d, "time-offset boottime %lld %u", (long long)p->boottime.secs,
		     p->boottime.nanosecs);
	if (p->hostname)
		line(d, "hostname %s", word(d, p->hostname));
	if (p->domainname)
		line(d, "domainname %s", word(d, p->domainname));
	for (size_t i = 0; i < p->net_devices.count; i++) {
		const struct oci_net_device *v = &p->net_devices.items[i];

		line(d, "net-device %s as %s", v->host_name, v->name ? v->name : v->host_name);
	}
	for (size_t i = 0; i < p->sysctls.count; i++)
		line(d, "sysctl %s = %s", word(d, p->sysctls.items[i].key),
		     word(d, p->sysctls.items[i].value));
}

static void put_attrs(struct dump *d, struct text *t, const char *what, uint64_t attrs)
{
	if (attrs)
		text_printf(t, " %s=%s", what, dump_attrs(d->a, attrs));
}

static void dump_mount(struct dump *d, const struct plan_mount *m)
{
	struct text t = TEXT_IN(d->a);

	text_printf(&t, "%s", dump_mount_kinds[m->kind]);
	if (m->fstype)
		text_printf(&t, " type=%s", word(d, m->fstype));
	if (m->source)
		text_printf(&t, " source=%s", word(d, m->source));
	put_attrs(d, &t, "set", m->attr_set);
	put_attrs(d, &t, "clear", m->attr_clear);
	put_attrs(d, &t, "clear-unless-locked", m->attr_unsaid);
	put_attrs(d, &t, "rset", m->rec_set);
	put_attrs(d, &t, "rclear", m->rec_clear);
	if (m->propagation)
		text_printf(&t, " propagation=%s", dump_propagation(d->a, m->propagation,
								    m->propagation_recursive));
	if (m->recursive)
		text_puts(&t, " recursive");
	if (m->copy_up)
		text_puts(&t, " copy-up");
	if (m->copy_link)
		text_puts(&t, " copy-link");
	if (m->source_from_parent)
		text_puts(&t, " from-parent");
	if (m->source_in_root)
		text_printf(&t, " from-root=%s", word(d, m->source_in_root));
	if (m->idmap != PLAN_IDMAP_NONE)
		text_printf(&t, " %sidmap=%s", m->idmap_recursive ? "r" : "",
			    m->idmap == PLAN_IDMAP_OWN ? "own" : "container");
	for (size_t i = 0; i < m->uid_maps.count; i++)
		text_printf(&t, " uid=%u:%u:%u", m->uid_maps.items[i].container,
			    m->uid_maps.items[i].host, m->uid_maps.items[i].size);
	for (size_t i = 0; i < m->gid_maps.count; i++)
		text_printf(&t, " gid=%u:%u:%u", m->gid_maps.items[i].container,
			    m->gid_maps.items[i].host, m->gid_maps.items[i].size);
	if (m->root_label)
		text_printf(&t, " label=%s", word(d, m->root_label));
	for (size_t i = 0; i < m->data.count; i++)
		text_printf(&t, " data=%s", word(d, m->data.items[i]));
	line(d, "mount %s %s", word(d, m->target), text_get(&t));
}

static void dump_files(struct dump *d)
{
	const struct plan *p = d->plan;

	if (p->mount_label)
		line(d, "mount-label %s", word(d, p->mount_label));
	for (size_t i = 0; i < p->mounts.count; i++)
		dump_mount(d, &p->mounts.items[i]);
	for (size_t i = 0; i < p->devices.count; i++) {
		const struct plan_device *v = &p->devices.items[i];

		line(d, "device %s %s %u:%u mode=%04o owner=%u:%u %s", word(d, v->path),
		     dump_device_type(v->type), v->major, v->minor, v->mode, v->uid, v->gid,
		     p->bind_devices ? "bind" : "make");
	}
	for (size_t i = 0; i < p->symlinks.count; i++)
		line(d, "symlink %s -> %s", p->symlinks.items[i].path, p->symlinks.items[i].target);
	if (p->make_ptmx)
		line(d, "ptmx /dev/ptmx -> pts/ptmx");
	for (size_t i = 0; i < p->masked.count; i++)
		line(d, "mask %s", word(d, p->masked.items[i]));
	for (size_t i = 0; i < p->readonly.count; i++)
		line(d, "readonly %s", word(d, p->readonly.items[i]));
}

static void dump_cgroup(struct dump *d)
{
	const struct plan_cgroup *c = &d->plan->cgroup;

	line(d, "cgroup %s %s", dump_drivers[c->driver], c->path ? word(d, c->path) : "-");
	for (size_t i = 0; i < c->properties.count; i++) {
		const struct plan_unit_property *u = &c->properties.items[i];

		line(d, "unit-property %s = %s%s", u->name, dump_unit_value(d->a, u),
		     u->since ? arena_printf(d->a, " from-systemd %u", u->since) : "");
	}
	for (size_t i = 0; i < c->controllers.count; i++)
		line(d, "cgroup-controller %s", word(d, c->controllers.items[i]));
	if (c->offered.count)
		line(d, "cgroup-offers%s", words(d, &c->offered));
	for (size_t i = 0; i < c->writes.count; i++) {
		const struct plan_cgroup_write *w = &c->writes.items[i];
		const char *other = "";

		if (w->other_file)
			other = arena_printf(d->a, " or %s = %s", w->other_file, w->other_value);
		line(d, "cgroup-write %s = %s%s%s", word(d, w->file), word(d, w->value), other,
		     w->skip_if_absent ? " if-there" : "");
	}
	if (c->driver != PLAN_CGROUP_DISABLED)
		line(d, "device-filter %s", c->filter_devices ? "yes" : "no");
	for (size_t i = 0; i < c->device_rules.count; i++) {
		const struct plan_device_rule *r = &c->device_rules.items[i];

		line(d, "device-rule %s %s %s %s", r->allow ? "allow" : "deny",
		     dump_device_type(r->type), dump_numbers(d->a, r->major, r->minor),
		     dump_access(d->a, r->access));
	}
	if (c->delegate)
		line(d, "cgroup-delegate %u", c->delegate_uid);
}

static void dump_rdt(struct dump *d, const struct plan_rdt *r)
{
	if (!r->group)
		return;
	line(d, "resctrl %s %s", word(d, r->group), r->own ? "make" :
	     r->may_make ? "compare or make" : "use");
	for (size_t i = 0; i < r->schemata.count; i++)
		line(d, "resctrl-schemata %s", word(d, r->schemata.items[i]));
	if (r->monitor)
		line(d, "resctrl-monitor %s", word(d, r->monitor));
}

static void dump_caps(struct dump *d, const char *set, uint64_t caps)
{
	struct text t = TEXT_IN(d->a);

	for (unsigned n = 0; n < 64; n++) {
		if (caps & (UINT64_C(1) << n))
			text_printf(&t, " %s", dump_cap(d->a, n));
	}
	line(d, "capabilities %s%s", set, t.len ? text_get(&t) : " none");
}

static void dump_env(struct dump *d, const char *entry)
{
	size_t len = strcspn(entry, "=");

	line(d, "env %s=%s", word(d, arena_strndup(d->a, entry, len)), word(d, entry + len + 1));
}

static void dump_scheduler(struct dump *d, const struct oci_scheduler *s)
{
	struct text t = TEXT_IN(d->a);

	if (s->nice)
		text_printf(&t, " nice=%d", s->nice);
	if (s->priority)
		text_printf(&t, " priority=%d", s->priority);
	if (s->runtime || s->deadline || s->period)
		text_printf(&t, " runtime=%llu deadline=%llu period=%llu",
			    (unsigned long long)s->runtime, (unsigned long long)s->deadline,
			    (unsigned long long)s->period);
	line(d, "scheduler %s%s%s", names_word(words_sched_policies, (uint64_t)s->policy),
	     text_get(&t), dump_flags(d->a, words_sched_flags, s->flags));
}

/* How the process shares CPUs, disks and memory with others. */
static void dump_schedule(struct dump *d)
{
	const struct plan_process *p = &d->plan->process;

	if (p->all_cpus)
		line(d, "cpu-affinity all");
	if (p->cpus_before.count)
		line(d, "cpu-affinity-before %s", plan_mask_text(d->a, &p->cpus_before));
	if (p->cpus.count)
		line(d, "cpu-affinity %s", plan_mask_text(d->a, &p->cpus));
	if (p->scheduler.set)
		dump_scheduler(d, &p->scheduler);
	if (p->io_priority.set)
		line(d, "io-priority %s %d",
		     names_word(words_io_classes, (uint64_t)p->io_priority.class),
		     p->io_priority.priority);
	if (p->memory_policy.set)
		line(d, "memory-policy %s%s%s%s",
		     names_word(words_mempolicy_modes, (uint64_t)p->memory_policy.mode),
		     p->memory_policy.nodes.count ? " nodes=" : "",
		     plan_mask_text(d->a, &p->memory_policy.nodes),
		     dump_flags(d->a, words_mempolicy_flags, p->memory_policy.flags));
	if (p->personality.set)
		line(d, "personality %s", names_word(words_personalities, p->personality.value));
}

static void dump_process(struct dump *d)
{
	const struct plan_process *p = &d->plan->process;
	struct text groups = TEXT_IN(d->a);

	line(d, "args%s", words(d, &p->args));
	line(d, "cwd %s", word(d, p->cwd));
	for (size_t i = 0; i < p->env.count; i++)
		dump_env(d, p->env.items[i]);
	if (p->find_home)
		line(d, "home find");
	if (p->terminal)
		line(d, "terminal %ux%u", p->console_height, p->console_width);
	line(d, "user %u:%u", p->uid, p->gid);
	for (size_t i = 0; i < p->groups.count; i++)
		text_printf(&groups, " %u", p->groups.items[i]);
	line(d, "groups%s", !p->set_groups ? " keep" : groups.len ? text_get(&groups) : " none");
	if (p->umask.set)
		line(d, "umask %04o", p->umask.value);
	dump_caps(d, "bounding", p->cap_bounding);
	dump_caps(d, "effective", p->cap_effective);
	dump_caps(d, "inheritable", p->cap_inheritable);
	dump_caps(d, "permitted", p->cap_permitted);
	dump_caps(d, "ambient", p->cap_ambient);
	line(d, "no-new-privileges %s", p->no_new_privs ? "yes" : "no");
	if (p->oom_score_adj.set)
		line(d, "oom-score-adj %lld", (long long)p->oom_score_adj.value);
	for (size_t i = 0; i < p->rlimits.count; i++) {
		const struct plan_rlimit *r = &p->rlimits.items[i];

		line(d, "rlimit %s %s %s", names_word(words_rlimits, (uint64_t)r->resource),
		     dump_limit(d->a, r->soft), dump_limit(d->a, r->hard));
	}
	if (p->apparmor_profile)
		line(d, "apparmor-profile %s", word(d, p->apparmor_profile));
	if (p->selinux_label)
		line(d, "selinux-label %s", word(d, p->selinux_label));
	dump_schedule(d);
	line(d, "keyring %s", p->new_keyring ? "new" : "keep");
}

static void dump_seccomp(struct dump *d)
{
	const struct oci_seccomp *s = d->plan->seccomp;
	size_t names = 0;

	if (!s) {
		line(d, "seccomp none");
		return;
	}
	for (size_t i = 0; i < s->rules.count; i++)
		names += s->rules.items[i].names.count;
	line(d, "seccomp default=%s rules=%zu names=%zu",
	     names_word(words_seccomp_actions, s->default_action), s->rules.count, names);
	if (s->listener_path)
		line(d, "seccomp-listener %s", word(d, s->listener_path));
}

static void dump_hooks(struct dump *d, const char *kind, const struct hook_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_hook *h = &list->items[i];
		const char *timeout = "";

		if (h->timeout.set)
			timeout = arena_printf(d->a, " timeout=%llds", (long long)h->timeout.value);
		line(d, "hook %s[%zu] %s%s%s", kind, i, word(d, h->path), timeout,
		     h->args.count ? words(d, &h->args) : "");
	}
}

static void dump_rest(struct dump *d)
{
	const struct plan *p = d->plan;
	const struct oci_hooks *h = &p->hooks;

	dump_seccomp(d);
	dump_hooks(d, "prestart", &h->prestart);
	dump_hooks(d, "createRuntime", &h->create_runtime);
	dump_hooks(d, "createContainer", &h->create_container);
	dump_hooks(d, "startContainer", &h->start_container);
	dump_hooks(d, "poststart", &h->poststart);
	dump_hooks(d, "poststop", &h->poststop);
	for (size_t i = 0; i < p->annotations.count; i++)
		line(d, "annotation %s = %s", word(d, p->annotations.items[i].key),
		     word(d, p->annotations.items[i].value));
	if (p->preserve_fds)
		line(d, "preserve-fds %u", p->preserve_fds);
	if (p->notify_socket)
		line(d, "notify-socket /run/notify/notify.sock");
	for (size_t i = 0; i < p->warnings.count; i++)
		line(d, "warning %s", p->warnings.items[i]);
}

const char *plan_text(const struct plan *plan, bool explain, struct arena *a)
{
	struct dump d = { .t = TEXT_IN(a), .a = a, .plan = plan, .explain = explain };

	d.used = arena_new_array(a, bool, plan->reasons.count + 1);
	dump_root(&d);
	dump_namespaces(&d);
	dump_files(&d);
	dump_cgroup(&d);
	dump_rdt(&d, &plan->rdt);
	if (plan->has_process)
		dump_process(&d);
	else
		line(&d, "process none");
	dump_rest(&d);
	return text_get(&d.t);
}
