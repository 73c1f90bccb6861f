/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The second half of a resources object: block devices, huge pages, RDMA, and the files that
 * the configuration names itself (`unified`).
 */
#include "plan/limits.h"

#include <string.h>

/* The kernel's default, io.weight 100, is not 10 times the lowest of the old range; runc's line. */
uint64_t limit_io_weight(uint64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

static int plan_throttle(struct limits *l, const struct throttle_list *list, const char *member,
			 const char *word)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct oci_throttle_device *d = &list->items[i];
		char *at = plan_at(l->p, "blockIO.%s[%zu]", member, i);
		/* 0 takes a limit away, as it did in cgroup v1. */
		char *rate = d->rate ? plan_at(l->p, "%llu", (unsigned long long)d->rate) :
				       plan_at(l->p, "max");

		if (limits_put(l, "io", l->r->block_io.line, at, "io.max",
			plan_at(l->p, "%lld:%lld %s=%s", (long long)d->major, (long long)d->minor,
				word, rate)))
			return -1;
	}
	return 0;
}

static int check_io_weight(struct limits *l, const char *member, uint32_t weight)
{
	if (weight >= 10 && weight <= 1000)
		return 0;
	return plan_refuse(l->p, l->r->block_io.line, limits_at(l, member),
			   "%u is not between 10 and 1000", weight);
}

static int plan_io_weights(struct limits *l)
{
	const struct oci_block_io *b = &l->r->block_io;
	uint32_t weight = b->weight.value;

	if (b->leaf_weight.value)
		return limits_refuse_v1(l, b->line, "blockIO.leafWeight");
	if (weight) {
		struct plan_cgroup_write *w;

		if (check_io_weight(l, "blockIO.weight", weight) ||
		    limits_put(l, "io", b->line, "blockIO.weight", "io.bfq.weight",
			       limits_number(l, weight)))
			return -1;
		w = &l->cgroup->writes.items[l->cgroup->writes.count - 1];
		w->other_file = "io.weight";
		w->other_value = limits_number(l, (long long)limit_io_weight(weight));
	}
	for (size_t i = 0; i < b->weight_devices.count; i++) {
		const struct oci_weight_device *d = &b->weight_devices.items[i];
		char *at = plan_at(l->p, "blockIO.weightDevice[%zu]", i);

		if (d->leaf_weight.value)
			return limits_refuse_v1(l, b->line, plan_at(l->p, "%s.leafWeight", at));
		if (!d->weight.value)
			continue;
		if (check_io_weight(l, plan_at(l->p, "%s.weight", at), d->weight.value) ||
		    limits_put(l, "io", b->line, at, "io.bfq.weight",
			plan_at(l->p, "%lld:%lld %u", (long long)d->major, (long long)d->minor,
				d->weight.value)))
			return -1;
	}
	return 0;
}

int limits_io(struct limits *l)
{
	const struct oci_block_io *b = &l->r->block_io;

	if (plan_io_weights(l))
		return -1;
	if (plan_throttle(l, &b->read_bps, "throttleReadBpsDevice", "rbps") ||
	    plan_throttle(l, &b->write_bps, "throttleWriteBpsDevice", "wbps") ||
	    plan_throttle(l, &b->read_iops, "throttleReadIOPSDevice", "riops") ||
	    plan_throttle(l, &b->write_iops, "throttleWriteIOPSDevice", "wiops"))
		return -1;
	return 0;
}

int limits_hugepages(struct limits *l)
{
	for (size_t i = 0; i < l->r->hugepages.count; i++) {
		const struct oci_hugepage_limit *h = &l->r->hugepages.items[i];
		char *at = plan_at(l->p, "hugepageLimits[%zu]", i);
		char *size = plan_at(l->p, "%s.pageSize", at);
		char *limit = plan_at(l->p, "%llu", (unsigned long long)h->limit);

		if (l->p->facts->hugepage_sizes &&
		    !plan_has_word(l->p->facts->hugepage_sizes, h->page_size)) {
			(void)plan_refuse(l->p, l->r->line, limits_at(l, size),
					  "this machine has no pages of %s", h->page_size);
			return err_hint(l->p->e, "it has: %s", *l->p->facts->hugepage_sizes ?
					l->p->facts->hugepage_sizes : "none");
		}
		if (limits_put(l, "hugetlb", l->r->line, at,
			plan_at(l->p, "hugetlb.%s.max", h->page_size), limit) ||
		    limits_put_unlimited(l, "hugetlb", l->r->line, at,
				  plan_at(l->p, "hugetlb.%s.rsvd.max", h->page_size), limit))
			return -1;
	}
	return 0;
}

int limits_rdma(struct limits *l)
{
	for (size_t i = 0; i < l->r->rdma.count; i++) {
		const struct oci_rdma *d = &l->r->rdma.items[i];
		char *at = plan_at(l->p, "rdma.%.80s", d->device);
		char *value = plan_at(l->p, "%s", d->device);

		if (plan_has_control(d->device, false) || strchr(d->device, ' '))
			return plan_refuse(l->p, l->r->line, limits_at(l, "rdma"),
					   "a device's name has a blank or a control character");
		if (d->handles.set)
			value = plan_at(l->p, "%s hca_handle=%u", value, d->handles.value);
		if (d->objects.set)
			value = plan_at(l->p, "%s hca_object=%u", value, d->objects.value);
		if (limits_put(l, "rdma", l->r->line, at, "rdma.max", value))
			return -1;
	}
	return 0;
}

/* The files of the cgroup core that limit; the others move processes or change the tree. */
static bool is_core_limit(const char *key)
{
	return strcmp(key, "cgroup.max.depth") == 0 || strcmp(key, "cgroup.max.descendants") == 0 ||
	       strcmp(key, "cgroup.pressure") == 0;
}

/*
 * What only an update can ask for. An engine that was asked before the container's start has kept
 * it for that; what asks for nothing is passed over. 0, 1 for another key, -1.
 */
static int pass_over_trigger(struct limits *l, const struct oci_pair *pair, const char *at)
{
	if (strncmp(pair->key, "orlop.", strlen("orlop.")) != 0)
		return 1;
	if (strcmp(pair->value, "none") == 0 || strcmp(pair->value, "release") == 0)
		return 0;
	(void)plan_refuse(l->p, l->r->line, limits_at(l, at),
			  "is for the update of a container, and this one is new");
	return err_hint(l->p->e, "\"release\" or \"none\" lets it be created");
}

int limits_unified(struct limits *l)
{
	for (size_t i = 0; i < l->r->unified.count; i++) {
		const char *key = l->r->unified.items[i].key, *value = l->r->unified.items[i].value;
		char *at = plan_at(l->p, "unified[\"%.80s\"]", key);
		const char *controller = NULL;
		int passed = pass_over_trigger(l, &l->r->unified.items[i], at);

		if (passed < 0)
			return -1;
		if (passed == 0)
			continue;
		if (strncmp(key, "cgroup.", 7) != 0)
			controller = arena_strndup(l->p->a, key, strcspn(key, "."));
		else if (!is_core_limit(key))
			return plan_refuse(l->p, l->r->line, limits_at(l, at),
					   "may not be set: the group is managed by it");
		/* Nested-keyed files take one line with each write. */
		do {
			size_t len = strcspn(value, "\n");
			char *text = arena_strndup(l->p->a, value, len);

			if (limits_put_named(l, controller, l->r->line, at, key, text))
				return -1;
			value += len;
		} while (*value++ && *value);
	}
	return 0;
}
