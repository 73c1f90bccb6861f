/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Which namespaces the container gets, the id maps and clock offsets that belong to new
 * ones, and the names set in its uts namespace. A setting that needs a namespace which the
 * configuration does not ask for would change the host, and is refused.
 */
#include "plan/planner.h"

#include <linux/sched.h>
#include <string.h>

#include "oci/words.h"

/* The kernel takes no more lines in one uid_map or gid_map (Linux 4.15). */
enum { ID_MAP_LINES_MAX = 340 };

static void add_namespace(struct planner *p, const struct oci_namespace *ns, const char *at)
{
	LIST_PUSH(p->a, p->plan->namespaces, { .type = ns->type,
					       .flag = (uint32_t)words_ns[ns->type].flag,
					       .path = ns->path });
	plan_because_of(p, ns->line, at, "namespace %s", words_ns[ns->type].word);
}

/* In the order of enum oci_ns, which is the order in which they are entered. */
static void sort_namespaces(struct plan *plan)
{
	for (size_t i = 1; i < plan->namespaces.count; i++) {
		struct plan_namespace ns = plan->namespaces.items[i];
		size_t k = i;

		for (; k > 0 && plan->namespaces.items[k - 1].type > ns.type; k--)
			plan->namespaces.items[k] = plan->namespaces.items[k - 1];
		plan->namespaces.items[k] = ns;
	}
}

int plan_namespaces(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;
	unsigned line = l->lines.namespaces ? l->lines.namespaces : p->config->lines.linux;

	for (size_t i = 0; i < l->namespaces.count; i++) {
		const struct oci_namespace *ns = &l->namespaces.items[i];
		char *at = plan_at(p, "linux.namespaces[%zu]", i);

		if (ns->type == OCI_NS_TIME && !p->facts->time_ns) {
			(void)plan_refuse(p, ns->line, at, "this kernel has no time namespaces");
			return err_hint(p->e, "it must be built with CONFIG_TIME_NS");
		}
		add_namespace(p, ns, at);
	}
	sort_namespaces(p->plan);
	p->in_user_ns = plan_find_namespace(p->plan, OCI_NS_USER) != NULL;
	if (!plan_find_namespace(p->plan, OCI_NS_MOUNT)) {
		(void)plan_refuse(p, line, "linux.namespaces",
				  "has no mount namespace: mounts would be made on the host");
		return err_hint(p->e, "add { \"type\": \"mount\" }");
	}
	return 0;
}

static int check_map(struct planner *p, const struct id_map_list *maps, const char *at)
{
	if (maps->count > ID_MAP_LINES_MAX)
		return plan_refuse(p, maps->items[ID_MAP_LINES_MAX].line, at,
				   "%zu mappings; the kernel takes %d", maps->count,
				   ID_MAP_LINES_MAX);
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *m = &maps->items[i];
		char *here = plan_at(p, "%s[%zu]", at, i);

		for (size_t k = 0; k < i; k++) {
			const struct oci_id_map *o = &maps->items[k];
			bool inside = m->container < o->container + o->size &&
				      o->container < m->container + m->size;
			bool outside = m->host < o->host + o->size && o->host < m->host + m->size;

			if (inside || outside)
				return plan_refuse(p, m->line, here,
						   "overlaps %s[%zu] in its %s ids",
						   at, k, inside ? "container" : "host");
		}
	}
	return 0;
}

int plan_check_maps(struct planner *p, const struct id_map_list *uid,
		    const struct id_map_list *gid, const char *at)
{
	if (!uid->count != !gid->count)
		return plan_refuse(p, uid->count ? uid->items[0].line : gid->items[0].line, at,
				   "has %s but no %s; each needs the other",
				   uid->count ? "uidMappings" : "gidMappings",
				   uid->count ? "gidMappings" : "uidMappings");
	if (check_map(p, uid, plan_at(p, "%s.uidMappings", at)))
		return -1;
	return check_map(p, gid, plan_at(p, "%s.gidMappings", at));
}

uint32_t plan_map_id(const struct id_map_list *maps, uint32_t id)
{
	if (!maps->count)
		return id;
	for (size_t i = 0; i < maps->count; i++) {
		const struct oci_id_map *m = &maps->items[i];

		if (id >= m->container && id - m->container < m->size)
			return m->host + (id - m->container);
	}
	return ID_NONE;
}

static int plan_offsets(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;
	const struct plan_namespace *ns = plan_find_namespace(p->plan, OCI_NS_TIME);
	const struct {
		const char *word;
		const struct oci_time_offset *from;
		struct oci_time_offset *to;
	} clocks[] = {
		{ "monotonic", &l->monotonic, &p->plan->monotonic },
		{ "boottime", &l->boottime, &p->plan->boottime },
	};

	for (size_t i = 0; i < 2; i++) {
		char *at = plan_at(p, "linux.timeOffsets.%s", clocks[i].word);

		if (!clocks[i].from->set)
			continue;
		if (!ns || ns->path)
			return plan_refuse(p, l->lines.time_offsets, at,
					   "needs a new time namespace%s", ns ?
					   "; the one that is joined has its own offsets" : "");
		*clocks[i].to = *clocks[i].from;
		plan_because_of(p, l->lines.time_offsets, at, "time-offset %s", clocks[i].word);
	}
	return 0;
}

static void explain_maps(struct planner *p, const struct id_map_list *maps, const char *member,
			 const char *fact)
{
	for (size_t i = 0; i < maps->count; i++)
		plan_because_of(p, maps->items[i].line, plan_at(p, "%s[%zu]", member, i), "%s %u ",
				fact, maps->items[i].container);
}

/*
 * Maps beside a user namespace that is joined are accepted, because engines write both for the
 * containers of one pod: they then only say which host ids stand behind the container's.
 */
int plan_id_maps(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;
	const struct plan_namespace *ns = plan_find_namespace(p->plan, OCI_NS_USER);

	if (!ns && (l->uid_maps.count || l->gid_maps.count))
		return plan_refuse(p, l->uid_maps.count ? l->uid_maps.items[0].line :
				   l->gid_maps.items[0].line, l->uid_maps.count ?
				   "linux.uidMappings" : "linux.gidMappings",
				   "needs a user namespace in linux.namespaces");
	if (ns && !ns->path && !l->uid_maps.count)
		return plan_refuse(p, l->lines.namespaces, "linux.uidMappings",
				   "a new user namespace needs mappings");
	if (plan_check_maps(p, &l->uid_maps, &l->gid_maps, "linux"))
		return -1;
	if (ns && !ns->path && (plan_map_id(&l->uid_maps, 0) == ID_NONE ||
				plan_map_id(&l->gid_maps, 0) == ID_NONE))
		return plan_refuse(p, l->uid_maps.items[0].line, "linux.uidMappings",
				   "id 0 of the container is not mapped; it owns what is set up");
	p->plan->uid_maps = l->uid_maps;
	p->plan->gid_maps = l->gid_maps;
	explain_maps(p, &l->uid_maps, "linux.uidMappings", "uid-map");
	explain_maps(p, &l->gid_maps, "linux.gidMappings", "gid-map");
	return plan_offsets(p);
}

int plan_names(struct planner *p)
{
	const struct oci_config *c = p->config;
	const struct {
		const char *member, *value;
		unsigned line;
		const char **to;
	} names[] = {
		{ "hostname", c->hostname, c->lines.hostname, &p->plan->hostname },
		{ "domainname", c->domainname, c->lines.domainname, &p->plan->domainname },
	};

	for (size_t i = 0; i < 2; i++) {
		const char *value = names[i].value;

		if (!value)
			continue;
		if (!plan_find_namespace(p->plan, OCI_NS_UTS)) {
			(void)plan_refuse(p, names[i].line, names[i].member,
					  "needs a uts namespace: "
					  "the host's name would be changed");
			return err_hint(p->e, "add { \"type\": \"uts\" } to linux.namespaces");
		}
		if (plan_has_control(value, false))
			return plan_refuse(p, names[i].line, names[i].member,
					   "has a control character");
		*names[i].to = value;
		plan_because_of(p, names[i].line, names[i].member, "%s", names[i].member);
	}
	return 0;
}
