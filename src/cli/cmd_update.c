/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop update. A document says everything, or the options do; never both.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/quantity.h"

enum { DOCUMENT_MAX = 1024 * 1024 };

static int read_document(const struct command *c, struct oci_resources *r, const char **ret_name,
			 struct err *e)
{
	const char *file = c->call->values.resources;
	const char *name = strcmp(file, "-") == 0 ? "standard input" : file;
	size_t len = 0;
	char *text = name == file ? file_read_stream(file, DOCUMENT_MAX, c->arena, &len) :
				    fd_read_text(STDIN_FILENO, DOCUMENT_MAX, c->arena, &len);

	*ret_name = name;
	if (text)
		return oci_resources_read(name, text, len, c->arena, r, e);
	if (errno == EFBIG)
		return err_set(e, ERR_CONFIG, "%s: is larger than 1 MiB", name);
	return err_sys(e, "%s", name);
}

static int refuse(const char *option, const char *why, const char *value, struct err *e)
{
	return err_set(e, ERR_USAGE, "invalid value for %s: %s \"%.80s\"", option, why, value);
}

/* An empty value counts as not given, as an engine's template may leave it. */
static bool is_given(const char *value)
{
	return value && *value;
}

static int read_i64(const char *option, const char *value, struct opt_i64 *ret, struct err *e)
{
	if (!is_given(value))
		return 0;
	if (!quantity_i64(value, &ret->value))
		return refuse(option, "not a whole number:", value, e);
	ret->set = true;
	return 0;
}

static int read_u64(const char *option, const char *value, struct opt_u64 *ret, struct err *e)
{
	if (!is_given(value))
		return 0;
	if (!quantity_u64(value, &ret->value))
		return refuse(option, "not a whole number from 0 on:", value, e);
	ret->set = true;
	return 0;
}

static int read_bytes(const char *option, const char *value, struct opt_i64 *ret, struct err *e)
{
	if (!is_given(value))
		return 0;
	if (!quantity_bytes(value, &ret->value)) {
		refuse(option, "invalid size:", value, e);
		return err_hint(e, "give bytes, with K, M, G or T for more, or -1 for no limit");
	}
	ret->set = true;
	return 0;
}

static int read_weight(const char *value, struct opt_u32 *ret, struct err *e)
{
	uint64_t weight = 0;

	if (!is_given(value))
		return 0;
	if (!quantity_u64(value, &weight) || weight > UINT16_MAX)
		return refuse("blkio-weight", "not a weight:", value, e);
	*ret = (struct opt_u32){ true, (uint32_t)weight };
	return 0;
}

static int read_idle(const char *value, struct opt_i64 *ret, struct err *e)
{
	if (read_i64("cpu-idle", value, ret, e))
		return -1;
	if (ret->value != 0 && ret->value != 1)
		return refuse("cpu-idle", "neither 0 nor 1:", value, e);
	return 0;
}

/* As linux.intelRdt of a configuration; beside a document, too, which has no place for them. */
static int read_rdt(const struct cli_values *v, struct arena *a, struct oci_intel_rdt *rdt,
		    struct err *e)
{
	const char *cache = v->l3_cache_schema, *memory = v->mem_bw_schema;

	if (is_given(cache) && strchr(cache, '\n'))
		return refuse("l3-cache-schema", "more than one line:", cache, e);
	if (is_given(memory) && strchr(memory, '\n'))
		return refuse("mem-bw-schema", "more than one line:", memory, e);
	if (is_given(memory) && strncmp(memory, "MB:", 3) != 0) {
		refuse("mem-bw-schema", "does not begin with MB:", memory, e);
		return err_hint(e, "such as MB:0=20;1=70");
	}
	if (is_given(cache))
		rdt->l3_cache_schema = arena_strdup(a, cache);
	if (is_given(memory))
		rdt->mem_bw_schema = arena_strdup(a, memory);
	rdt->set = rdt->l3_cache_schema || rdt->mem_bw_schema;
	return 0;
}

/* There is no limit for the kernel's part alone in cgroup v2. */
static void warn_kernel_memory(const struct command *c)
{
	const struct cli_values *v = &c->call->values;

	if (is_given(v->kernel_memory))
		c->life.warn("Setting --kernel-memory is ignored and will be removed");
	if (is_given(v->kernel_memory_tcp))
		c->life.warn("Setting --kernel-memory-tcp is ignored and will be removed");
}

static int read_options(const struct command *c, struct oci_resources *r, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	struct oci_memory *m = &r->memory;
	struct oci_cpu *cpu = &r->cpu;

	if (read_weight(v->blkio_weight, &r->block_io.weight, e) ||
	    read_u64("cpu-period", v->cpu_period, &cpu->period, e) ||
	    read_i64("cpu-quota", v->cpu_quota, &cpu->quota, e) ||
	    read_u64("cpu-burst", v->cpu_burst, &cpu->burst, e) ||
	    read_u64("cpu-share", v->cpu_share, &cpu->shares, e) ||
	    read_u64("cpu-rt-period", v->cpu_rt_period, &cpu->realtime_period, e) ||
	    read_i64("cpu-rt-runtime", v->cpu_rt_runtime, &cpu->realtime_runtime, e) ||
	    read_idle(v->cpu_idle, &cpu->idle, e) ||
	    read_bytes("memory", v->memory, &m->limit, e) ||
	    read_bytes("memory-reservation", v->memory_reservation, &m->reservation, e) ||
	    read_bytes("memory-swap", v->memory_swap, &m->swap, e) ||
	    read_i64("pids-limit", v->pids_limit, &r->pids.limit, e))
		return -1;
	/* As in a document: -1 takes a limit away, and nothing below it means anything. */
	if (cpu->quota.value < -1)
		return refuse("cpu-quota", "neither -1 nor a time:", v->cpu_quota, e);
	if (r->pids.limit.value < -1)
		return refuse("pids-limit", "neither -1 nor a number:", v->pids_limit, e);
	if (is_given(v->cpuset_cpus))
		cpu->cpus = arena_strdup(c->arena, v->cpuset_cpus);
	if (is_given(v->cpuset_mems))
		cpu->mems = arena_strdup(c->arena, v->cpuset_mems);
	/* Which objects were said at all: what a document's reading would have noted. */
	r->set = true;
	m->set = m->limit.set || m->reservation.set || m->swap.set;
	cpu->set = cpu->period.set || cpu->quota.set || cpu->burst.set || cpu->shares.set ||
		   cpu->idle.set || cpu->cpus || cpu->mems;
	r->pids.set = r->pids.limit.set;
	r->block_io.set = r->block_io.weight.set;
	warn_kernel_memory(c);
	return 0;
}

int cmd_update(const struct command *c, struct err *e)
{
	struct oci_resources resources = { 0 };
	struct oci_intel_rdt rdt = { .set = false };
	const char *name = "options";

	if (read_rdt(&c->call->values, c->arena, &rdt, e))
		return -1;
	if (c->call->values.resources ? read_document(c, &resources, &name, e) :
					read_options(c, &resources, e))
		return -1;
	return life_update(&c->life, c->call->operands.items[0], &resources, &rdt, name,
			   e);
}
