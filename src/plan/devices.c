/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. What is in /dev: the device nodes that the specification wants in every container, those
 * that the configuration lists, the links beside them, and which devices may be opened at all.
 */
#include "plan/planner.h"

#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

static const struct {
	const char *path;
	uint32_t major, minor;
} default_devices[] = {
	{ "/dev/null",		1, 3 },
	{ "/dev/random",	1, 8 },
	{ "/dev/full",		1, 7 },
	{ "/dev/tty",		5, 0 },
	{ "/dev/zero",		1, 5 },
	{ "/dev/urandom",	1, 9 },
};

/* The specification's four, and the one that runc and crun have always made beside them. */
static const struct {
	const char *path, *target;
} links[] = {
	{ "/dev/fd",		"/proc/self/fd" },
	{ "/dev/stdin",		"/proc/self/fd/0" },
	{ "/dev/stdout",	"/proc/self/fd/1" },
	{ "/dev/stderr",	"/proc/self/fd/2" },
	{ "/dev/core",		"/proc/kcore" },
};

/*
 * Appended to every list of rules, so that a container which was denied everything still has the
 * default devices, its terminals (136, 5:2) and tun, and may make nodes that it cannot open.
 */
static const struct plan_device_rule always_allowed[] = {
	{ true, OCI_DEVICE_CHAR, -1, -1, PLAN_ACCESS_MKNOD },
	{ true, OCI_DEVICE_BLOCK, -1, -1, PLAN_ACCESS_MKNOD },
	{ true, OCI_DEVICE_CHAR, 1, 3, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 1, 8, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 1, 7, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 5, 0, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 1, 5, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 1, 9, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 136, -1, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 5, 2, PLAN_ACCESS_ALL },
	{ true, OCI_DEVICE_CHAR, 10, 200, PLAN_ACCESS_ALL },
};

static int check_owner(struct planner *p, const struct oci_device *d, const char *at,
		       const char *member, const struct opt_u32 *id,
		       const struct id_map_list *maps)
{
	if (id->set && plan_map_id(maps, id->value) == ID_NONE)
		return plan_refuse(p, d->line, plan_at(p, "%s.%s", at, member),
				   "%u is not mapped in the container's user namespace", id->value);
	return 0;
}

static int read_device(struct planner *p, const struct oci_device *d, const char *at,
		       struct plan_device *ret)
{
	/* Callers pass st_mode as it is, type bits and all. */
	uint32_t mode = d->mode.set ? d->mode.value & ~(uint32_t)S_IFMT : 0666;

	if (d->path[0] != '/')
		return plan_refuse(p, d->line, plan_at(p, "%s.path", at),
				   "must be an absolute path");
	if (plan_path_climbs(d->path))
		return plan_refuse(p, d->line, plan_at(p, "%s.path", at), "has a \"..\" component");
	if (mode > 07777)
		return plan_refuse(p, d->line, plan_at(p, "%s.fileMode", at),
				   "%u has more than permission bits", d->mode.value);
	if (check_owner(p, d, at, "uid", &d->uid, &p->plan->uid_maps) ||
	    check_owner(p, d, at, "gid", &d->gid, &p->plan->gid_maps))
		return -1;
	ret->type = d->type;
	ret->path = plan_path_clean(p->a, d->path, true);
	ret->major = (uint32_t)d->major.value;
	ret->minor = (uint32_t)d->minor.value;
	ret->mode = mode;
	ret->uid = d->uid.value;
	ret->gid = d->gid.value;
	return 0;
}

/* One that is listed takes the place of a default one, or of an earlier one, at the same path. */
static void put_device(struct planner *p, const struct plan_device *d)
{
	for (size_t i = 0; i < p->plan->devices.count; i++) {
		if (strcmp(p->plan->devices.items[i].path, d->path) == 0) {
			p->plan->devices.items[i] = *d;
			return;
		}
	}
	LIST_ADD(p->a, p->plan->devices, *d);
}

/*
 * The mount that binds something on /dev, or -1. Then /dev is the host's or an engine's, and
 * nothing may be made in it.
 */
static ptrdiff_t bound_dev(struct planner *p)
{
	for (size_t i = 0; i < p->plan->mounts.count; i++) {
		const struct plan_mount *m = &p->plan->mounts.items[i];

		if (m->kind == PLAN_MOUNT_BIND &&
		    strcmp(plan_path_lexical(p->a, m->target), "/dev") == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

static bool has_proc(struct planner *p)
{
	for (size_t i = 0; i < p->plan->mounts.count; i++) {
		if (strcmp(plan_path_lexical(p->a, p->plan->mounts.items[i].target), "/proc") == 0)
			return true;
	}
	return false;
}

static int plan_nodes(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;

	for (size_t i = 0; i < ARRAY_LEN(default_devices); i++) {
		LIST_PUSH(p->a, p->plan->devices, { .type = OCI_DEVICE_CHAR,
			  .path = default_devices[i].path, .major = default_devices[i].major,
			  .minor = default_devices[i].minor, .mode = 0666, .is_default = true });
	}
	for (size_t i = 0; i < l->devices.count; i++) {
		const struct oci_device *d = &l->devices.items[i];
		char *at = plan_at(p, "linux.devices[%zu]", i);
		struct plan_device device = { 0 };

		if (read_device(p, d, at, &device))
			return -1;
		/* The host's would open terminals of the host: the container has its own devpts. */
		if (strcmp(device.path, "/dev/ptmx") == 0)
			continue;
		put_device(p, &device);
		plan_because_of(p, d->line, at, "device %s ", plan_word(p->a, device.path));
	}
	for (size_t i = 0; i < p->plan->devices.count; i++) {
		if (p->plan->devices.items[i].is_default)
			plan_because(p, "default: the specification wants it in every container",
				     "device %s ", p->plan->devices.items[i].path);
	}
	return 0;
}

int plan_devices(struct planner *p)
{
	ptrdiff_t bound = bound_dev(p);

	p->plan->bind_devices = p->in_user_ns || p->facts->in_user_ns;
	if (bound >= 0) {
		if (p->config->linux.devices.count)
			plan_warn(p, "linux.devices: mounts[%zu] binds %s on /dev, nothing is "
				  "made: ignored", p->plan->mounts.items[bound].index,
				  text_quote(p->a, p->plan->mounts.items[bound].source, 80));
		return 0;
	}
	if (plan_nodes(p))
		return -1;
	if (has_proc(p)) {
		for (size_t i = 0; i < ARRAY_LEN(links); i++) {
			LIST_PUSH(p->a, p->plan->symlinks, { .target = links[i].target,
							     .path = links[i].path });
			plan_because(p, "default: there is a mount on /proc", "symlink %s ",
				     links[i].path);
		}
	}
	p->plan->make_ptmx = true;
	plan_because(p, "default: the specification wants it in every container", "ptmx");
	return 0;
}

/* Letters of "rwm"; without any, all of them. */
static unsigned access_bits(const char *letters)
{
	unsigned bits = 0;

	if (!letters)
		return PLAN_ACCESS_ALL;
	for (; *letters; letters++)
		bits |= *letters == 'r' ? PLAN_ACCESS_READ : *letters == 'w' ? PLAN_ACCESS_WRITE :
					  PLAN_ACCESS_MKNOD;
	return bits;
}

void plan_device_rules(struct planner *p, const struct oci_resources *resources, const char *at,
		       struct plan_cgroup *ret)
{
	for (size_t i = 0; i < resources->devices.count; i++) {
		const struct oci_device_rule *r = &resources->devices.items[i];
		char *here = plan_at(p, "%s.devices[%zu]", at, i);

		LIST_PUSH(p->a, ret->device_rules, { .allow = r->allow, .type = r->type,
			  .major = r->major.set ? r->major.value : -1,
			  .minor = r->minor.set ? r->minor.value : -1,
			  .access = access_bits(r->access) });
		plan_because_of(p, r->line, here, "device-rule");
	}
	for (size_t i = 0; i < ARRAY_LEN(always_allowed); i++) {
		LIST_ADD(p->a, ret->device_rules, always_allowed[i]);
		plan_because(p, "default: every container may use it", "device-rule");
	}
	/* Only the host's root may attach the program; for others mknod fails anyway. */
	ret->filter_devices = p->facts->euid == 0 && !p->facts->in_user_ns;
	plan_because(p, ret->filter_devices ? "default: what no rule allows is denied" :
		     p->facts->in_user_ns ? "default: the host is a user namespace" :
		     "default: only root may attach one", "device-filter");
	if (!ret->filter_devices && resources->devices.count)
		plan_warn(p, "%s.devices: a device filter cannot be attached %s; what the user may "
			  "open is what the container can: ignored", at, p->facts->in_user_ns ?
			  "in a user namespace" : "by a user");
}
