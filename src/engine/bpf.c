/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bpf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "orlop/auto.h"

enum { TRIES = 8 };

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	int r = -1;

	/* EAGAIN: a signal was pending while the verifier worked. */
	for (int i = 0; i < TRIES; i++) {
		r = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
		if (r >= 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	return r;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int bpf_load(enum bpf_prog_type type, enum bpf_attach_type attach, const char *name,
	     const struct bpf_insn *code, size_t count, char *log, size_t log_size)
{
	union bpf_attr attr;
	int fd, code_kept;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.expected_attach_type = attach;
	attr.insns = address(code);
	attr.insn_cnt = (uint32_t)count;
	attr.license = address("Apache-2.0");
	snprintf(attr.prog_name, sizeof(attr.prog_name), "%s", name);
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0 || !log || log_size == 0)
		return fd;
	/* The log costs time and is asked for only when there is something to read. */
	code_kept = errno;
	log[0] = '\0';
	attr.log_level = 1;
	attr.log_buf = address(log);
	attr.log_size = (uint32_t)log_size;
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return fd;
	log[log_size - 1] = '\0';
	errno = code_kept;
	return -1;
}

/* `target` is a cgroup's descriptor or an interface's number. */
static int attach_to(enum bpf_cmd command, uint32_t target, enum bpf_attach_type attach,
		     int program, uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = target;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = attach;
	attr.attach_flags = flags;
	return bpf(command, &attr);
}

static int query(uint32_t target, enum bpf_attach_type attach, uint32_t *ids, uint32_t max)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = target;
	attr.query.attach_type = attach;
	attr.query.prog_ids = address(ids);
	attr.query.prog_cnt = max;
	/* ENOSPC is an answer: prog_cnt says how many there are. */
	if (bpf(BPF_PROG_QUERY, &attr) < 0 && errno != ENOSPC)
		return -1;
	return (int)attr.query.prog_cnt;
}

int bpf_attach(int group, enum bpf_attach_type attach, int program)
{
	return attach_to(BPF_PROG_ATTACH, (uint32_t)group, attach, program, BPF_F_ALLOW_MULTI);
}

int bpf_detach(int group, enum bpf_attach_type attach, int program)
{
	return attach_to(BPF_PROG_DETACH, (uint32_t)group, attach, program, 0);
}

int bpf_query(int group, enum bpf_attach_type attach, uint32_t *ids, uint32_t max)
{
	return query((uint32_t)group, attach, ids, max);
}

int bpf_attach_interface(unsigned number, enum bpf_attach_type attach, int program)
{
	enum { BEFORE_ALL = 1 << 3 };	/* BPF_F_BEFORE, relative to nothing */

	return attach_to(BPF_PROG_ATTACH, number, attach, program, BEFORE_ALL);
}

int bpf_detach_interface(unsigned number, enum bpf_attach_type attach, int program)
{
	return attach_to(BPF_PROG_DETACH, number, attach, program, 0);
}

int bpf_query_interface(unsigned number, enum bpf_attach_type attach, uint32_t *ids, uint32_t max)
{
	return query(number, attach, ids, max);
}

/* What the kernel knows about a program or a map. */
static int get_info(int fd, void *info, uint32_t size)
{
	union bpf_attr attr;

	memset(info, 0, size);
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = size;
	attr.info.info = address(info);
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

int bpf_identify(int program, uint32_t *ret_id, char ret_name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info;

	if (get_info(program, &info, sizeof(info)) < 0)
		return -1;
	*ret_id = info.id;
	memcpy(ret_name, info.name, BPF_OBJ_NAME_LEN);
	ret_name[BPF_OBJ_NAME_LEN - 1] = '\0';
	return 0;
}

int bpf_open(uint32_t id, char ret_name[BPF_OBJ_NAME_LEN])
{
	union bpf_attr attr;
	uint32_t same;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;

	auto_fd int program = bpf(BPF_PROG_GET_FD_BY_ID, &attr);

	return program < 0 || bpf_identify(program, &same, ret_name) < 0 ? -1 : take_fd(&program);
}

int bpf_map_create(const char *name)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(uint32_t);
	attr.max_entries = 1;
	snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	return bpf(BPF_MAP_CREATE, &attr);
}

int bpf_map_identify(int map, uint32_t *ret_id)
{
	struct bpf_map_info info;

	if (get_info(map, &info, sizeof(info)) < 0)
		return -1;
	*ret_id = info.id;
	return 0;
}

int bpf_map_open(uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_id = id;
	return bpf(BPF_MAP_GET_FD_BY_ID, &attr);
}

static int map_element(enum bpf_cmd command, int map, uint32_t *value)
{
	uint32_t key = 0;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = address(&key);
	attr.value = address(value);
	return bpf(command, &attr) < 0 ? -1 : 0;
}

int bpf_map_get(int map, uint32_t *ret)
{
	return map_element(BPF_MAP_LOOKUP_ELEM, map, ret);
}

int bpf_map_set(int map, uint32_t value)
{
	return map_element(BPF_MAP_UPDATE_ELEM, map, &value);
}

/* Of one kind; a kind that is not for groups, or not of this kernel, has none. */
static int strip_kind(int group, enum bpf_attach_type attach, const char *prefix)
{
	enum { ATTACHED_MAX = 64 };	/* the kernel's BPF_CGROUP_MAX_PROGS */
	uint32_t ids[ATTACHED_MAX] = { 0 };
	int count = bpf_query(group, attach, ids, ATTACHED_MAX);

	if (count < 0)
		return errno == EINVAL ? 0 : -1;
	for (int i = 0; i < count && i < ATTACHED_MAX; i++) {
		char name[BPF_OBJ_NAME_LEN];
		auto_fd int program = bpf_open(ids[i], name);

		if (program < 0 && errno == ENOENT)
			continue;
		if (program < 0)
			return -1;
		if (strncmp(name, prefix, strlen(prefix)) == 0 &&
		    bpf_detach(group, attach, program) < 0 && errno != ENOENT)
			return -1;
	}
	return 0;
}

int bpf_strip(int group, const char *prefix)
{
	for (int kind = 0; kind < __MAX_BPF_ATTACH_TYPE; kind++)
		if (strip_kind(group, (enum bpf_attach_type)kind, prefix) < 0)
			return -1;
	return 0;
}
