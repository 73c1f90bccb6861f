/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/resources_doc.h"

#include <string.h>

#include "json/emit.h"
#include "oci/words.h"

static void put_i64(struct emit *m, const char *key, struct opt_i64 number)
{
	if (number.set)
		emit_i64(m, key, number.value);
}

static void put_u64(struct emit *m, const char *key, struct opt_u64 number)
{
	if (number.set)
		emit_u64(m, key, number.value);
}

static void put_u32(struct emit *m, const char *key, struct opt_u32 number)
{
	if (number.set)
		emit_u64(m, key, number.value);
}

static void put_bool(struct emit *m, const char *key, struct opt_bool truth)
{
	if (truth.set)
		emit_bool(m, key, truth.value);
}

static void put_str(struct emit *m, const char *key, const char *s)
{
	if (s)
		emit_str(m, key, s);
}

static void put_devices(struct emit *m, const struct oci_resources *r)
{
	if (r->devices.count == 0)
		return;
	emit_array(m, "devices");
	for (size_t i = 0; i < r->devices.count; i++) {
		const struct oci_device_rule *d = &r->devices.items[i];

		emit_object(m, NULL);
		emit_bool(m, "allow", d->allow);
		put_str(m, "type", names_word(words_rule_types, d->type));
		put_i64(m, "major", d->major);
		put_i64(m, "minor", d->minor);
		put_str(m, "access", d->access);
		emit_end(m);
	}
	emit_end(m);
}

static void put_memory(struct emit *m, const struct oci_memory *r)
{
	if (!r->set)
		return;
	emit_object(m, "memory");
	put_i64(m, "limit", r->limit);
	put_i64(m, "reservation", r->reservation);
	put_i64(m, "swap", r->swap);
	put_i64(m, "kernel", r->kernel);
	put_i64(m, "kernelTCP", r->kernel_tcp);
	put_u64(m, "swappiness", r->swappiness);
	put_bool(m, "disableOOMKiller", r->disable_oom_killer);
	put_bool(m, "useHierarchy", r->use_hierarchy);
	put_bool(m, "checkBeforeUpdate", r->check_before_update);
	emit_end(m);
}

static void put_cpu(struct emit *m, const struct oci_cpu *r)
{
	if (!r->set)
		return;
	emit_object(m, "cpu");
	put_u64(m, "shares", r->shares);
	put_i64(m, "quota", r->quota);
	put_u64(m, "burst", r->burst);
	put_u64(m, "period", r->period);
	put_i64(m, "realtimeRuntime", r->realtime_runtime);
	put_u64(m, "realtimePeriod", r->realtime_period);
	put_str(m, "cpus", r->cpus);
	put_str(m, "mems", r->mems);
	put_i64(m, "idle", r->idle);
	emit_end(m);
}

static void put_rates(struct emit *m, const char *key, const struct throttle_list *list)
{
	if (list->count == 0)
		return;
	emit_array(m, key);
	for (size_t i = 0; i < list->count; i++) {
		emit_object(m, NULL);
		emit_i64(m, "major", list->items[i].major);
		emit_i64(m, "minor", list->items[i].minor);
		emit_u64(m, "rate", list->items[i].rate);
		emit_end(m);
	}
	emit_end(m);
}

static void put_block_io(struct emit *m, const struct oci_block_io *r)
{
	if (!r->set)
		return;
	emit_object(m, "blockIO");
	put_u32(m, "weight", r->weight);
	put_u32(m, "leafWeight", r->leaf_weight);
	if (r->weight_devices.count) {
		emit_array(m, "weightDevice");
		for (size_t i = 0; i < r->weight_devices.count; i++) {
			const struct oci_weight_device *d = &r->weight_devices.items[i];

			emit_object(m, NULL);
			emit_i64(m, "major", d->major);
			emit_i64(m, "minor", d->minor);
			put_u32(m, "weight", d->weight);
			put_u32(m, "leafWeight", d->leaf_weight);
			emit_end(m);
		}
		emit_end(m);
	}
	put_rates(m, "throttleReadBpsDevice", &r->read_bps);
	put_rates(m, "throttleWriteBpsDevice", &r->write_bps);
	put_rates(m, "throttleReadIOPSDevice", &r->read_iops);
	put_rates(m, "throttleWriteIOPSDevice", &r->write_iops);
	emit_end(m);
}

static void put_lists(struct emit *m, const struct oci_resources *r)
{
	if (r->hugepages.count) {
		emit_array(m, "hugepageLimits");
		for (size_t i = 0; i < r->hugepages.count; i++) {
			emit_object(m, NULL);
			emit_str(m, "pageSize", r->hugepages.items[i].page_size);
			emit_u64(m, "limit", r->hugepages.items[i].limit);
			emit_end(m);
		}
		emit_end(m);
	}
	if (r->rdma.count) {
		emit_object(m, "rdma");
		for (size_t i = 0; i < r->rdma.count; i++) {
			emit_object(m, r->rdma.items[i].device);
			put_u32(m, "hcaHandles", r->rdma.items[i].handles);
			put_u32(m, "hcaObjects", r->rdma.items[i].objects);
			emit_end(m);
		}
		emit_end(m);
	}
	if (r->unified.count) {
		emit_object(m, "unified");
		for (size_t i = 0; i < r->unified.count; i++)
			emit_str(m, r->unified.items[i].key, r->unified.items[i].value);
		emit_end(m);
	}
}

const char *oci_resources_text(const struct oci_resources *r, struct arena *a)
{
	struct emit m = EMIT_IN(a, 0);

	emit_object(&m, NULL);
	put_devices(&m, r);
	put_memory(&m, &r->memory);
	put_cpu(&m, &r->cpu);
	if (r->pids.set) {
		emit_object(&m, "pids");
		put_i64(&m, "limit", r->pids.limit);
		emit_end(&m);
	}
	put_block_io(&m, &r->block_io);
	/* network: of cgroup v1; what says something there is refused before it gets here. */
	put_lists(&m, r);
	emit_end(&m);
	return emit_get(&m);
}

#define TAKE_SAID(r, change, member) \
	do { \
		if ((change)->member.set && (change)->member.value) \
			(r)->member = (change)->member; \
	} while (0)

static void merge_memory(struct oci_memory *r, const struct oci_memory *change)
{
	r->set |= change->set;
	TAKE_SAID(r, change, limit);
	TAKE_SAID(r, change, reservation);
	TAKE_SAID(r, change, swap);
	if (change->check_before_update.set)
		r->check_before_update = change->check_before_update;
}

/*
 * Shares and idle are two ways of saying one thing: the later one holds. That a group which was not
 * idle shall not be says nothing about its shares.
 */
static void merge_cpu(struct oci_cpu *r, const struct oci_cpu *change)
{
	r->set |= change->set;
	TAKE_SAID(r, change, quota);
	TAKE_SAID(r, change, period);
	if (change->burst.set)
		r->burst = change->burst;
	if (change->idle.set) {
		if (change->idle.value || r->idle.value)
			r->shares = (struct opt_u64){ 0 };
		r->idle = change->idle;
	}
	TAKE_SAID(r, change, shares);
	if (change->cpus)
		r->cpus = change->cpus;
	if (change->mems)
		r->mems = change->mems;
}

static void merge_rates(struct throttle_list *r, const struct throttle_list *change,
			struct arena *a)
{
	struct throttle_list made = {
		.items = arena_new_array(a, struct oci_throttle_device, r->count + change->count),
	};

	for (size_t i = 0; i < r->count + change->count; i++) {
		const struct oci_throttle_device *d =
			i < r->count ? &r->items[i] : &change->items[i - r->count];
		size_t at = 0;

		while (at < made.count && (made.items[at].major != d->major ||
					   made.items[at].minor != d->minor))
			at++;
		if (d->rate) {
			made.items[at] = *d;
			made.count += at == made.count;
		} else if (at < made.count) {
			made.items[at] = made.items[--made.count];
		}
	}
	*r = made;
}

/*
 * Elements of `change` into a list of `r` (two lists of one type): those for which `same` holds of
 * items x and y are replaced, of which `keep` may take from the old x into the new y what was not
 * said; others are added.
 */
#define MERGE_LIST(arena_, r, change, same, keep) \
	do { \
		typeof(r) made_ = { .items = arena_array((arena_), (r).count + (change).count, \
							 sizeof(*(r).items)) }; \
		for (size_t i_ = 0; i_ < (r).count + (change).count; i_++) { \
			typeof(*(r).items) y = i_ < (r).count ? (r).items[i_] : \
					       (change).items[i_ - (r).count]; \
			size_t at_ = 0; \
			for (; at_ < made_.count; at_++) { \
				typeof(*(r).items) x = made_.items[at_]; \
				if (same) { \
					keep; \
					break; \
				} \
			} \
			made_.items[at_] = y; \
			made_.count += at_ == made_.count; \
		} \
		(r) = made_; \
	} while (0)

/* A weight of 0 is never written, and the kernel keeps each number that is not. */
static void keep_weight(const struct oci_weight_device *old, struct oci_weight_device *device)
{
	if (!device->weight.value)
		device->weight = old->weight;
}

static void keep_rdma(const struct oci_rdma *old, struct oci_rdma *device)
{
	if (!device->handles.set)
		device->handles = old->handles;
	if (!device->objects.set)
		device->objects = old->objects;
}

static void merge_block_io(struct oci_block_io *r, const struct oci_block_io *change,
			   struct arena *a)
{
	r->set |= change->set;
	TAKE_SAID(r, change, weight);
	MERGE_LIST(a, r->weight_devices, change->weight_devices,
		   x.major == y.major && x.minor == y.minor, keep_weight(&x, &y));
	merge_rates(&r->read_bps, &change->read_bps, a);
	merge_rates(&r->write_bps, &change->write_bps, a);
	merge_rates(&r->read_iops, &change->read_iops, a);
	merge_rates(&r->write_iops, &change->write_iops, a);
}

void oci_resources_merge(struct oci_resources *r, const struct oci_resources *change,
			 struct arena *a)
{
	r->set = true;
	merge_memory(&r->memory, &change->memory);
	merge_cpu(&r->cpu, &change->cpu);
	r->pids.set |= change->pids.set;
	TAKE_SAID(&r->pids, &change->pids, limit);
	merge_block_io(&r->block_io, &change->block_io, a);
	MERGE_LIST(a, r->hugepages, change->hugepages, strcmp(x.page_size, y.page_size) == 0, );
	MERGE_LIST(a, r->rdma, change->rdma, strcmp(x.device, y.device) == 0, keep_rdma(&x, &y));
	MERGE_LIST(a, r->unified, change->unified, strcmp(x.key, y.key) == 0, );
}
