/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The programs of an armed cut, all alike: "is the number zero? then yes, else no".
 */
#include "guard/netarm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/bpf.h"
#include "orlop/auto.h"

#define ARMED_FILE "armed"
#define ARMED_PREFIX "orlop_arm_"
enum { ATTACHED_MAX = 64, TEXT_MAX = 512 };

/* The code; the map's first value is an address once the program is loaded. */
static size_t arm_code(int map, struct bpf_insn code[8])
{
	enum { ANSWER = BPF_REG_0, SWITCH = BPF_REG_1 };
	const struct bpf_insn all[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = SWITCH,
		  .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map },
		{ .imm = 0 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = SWITCH, .src_reg = SWITCH },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = ANSWER, .imm = 1 },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = SWITCH, .off = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = ANSWER, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	memcpy(code, all, sizeof(all));
	return ARRAY_LEN(all);
}

/* One place: the program's id, 0 where the kernel has no such place; -1 and *e. */
static int arm_hook(int group, int map, const struct netcut_hook *hook, uint32_t *ret_id,
		    struct err *e)
{
	struct bpf_insn code[8];
	char name[BPF_OBJ_NAME_LEN];
	size_t count = arm_code(map, code);

	*ret_id = 0;
	snprintf(name, sizeof(name), ARMED_PREFIX "%.5s", hook->name);
	auto_fd int program = bpf_load(hook->type, hook->attach, name, code, count, NULL, 0);
	if (program < 0 || bpf_attach(group, hook->attach, program) < 0) {
		if (errno == EINVAL && !hook->vital)
			return 0;
		return err_sys(e, "arm the network: %s", hook->name);
	}
	return bpf_identify(program, ret_id, name) < 0 ?
	       err_sys(e, "arm the network: %s", hook->name) : 0;
}

int guard_arm(int dir, int group, struct err *e)
{
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a);
	uint32_t id;
	auto_fd int map = bpf_map_create("orlop_switch");

	if (map < 0 || bpf_map_identify(map, &id) < 0)
		return err_sys(e, "arm the network: map");
	text_printf(&t, "%u", id);
	for (size_t i = 0; i < NETCUT_HOOKS; i++) {
		if (arm_hook(group, map, &netcut_hooks[i], &id, e) < 0)
			return -1;
		text_printf(&t, " %u", id);
	}
	/* Without it the programs let everything through for ever: so that is an error. */
	return file_create(dir, ARMED_FILE, t.bytes, t.len) < 0 ?
	       err_sys(e, "write down how the network is armed") : 0;
}

void netarm_open(int dir, struct netarm *ret)
{
	struct netarm arm = NETARM_NONE;
	char text[TEXT_MAX], *at = text;
	unsigned id;
	int used;

	*ret = arm;
	if (file_read(dir, ARMED_FILE, text, sizeof(text)) <= 0 ||
	    sscanf(at, "%u%n", &id, &used) != 1)
		return;
	arm.map = bpf_map_open(id);
	for (size_t i = 0; i < NETCUT_HOOKS; i++) {
		at += used;
		if (sscanf(at, "%u%n", &arm.ids[i], &used) != 1) {
			netarm_close(&arm);
			return;
		}
	}
	*ret = arm;
}

void netarm_close(struct netarm *arm)
{
	auto_close_fd(&arm->map);
}

bool netarm_cuts(const struct netarm *arm)
{
	uint32_t value;

	return arm->map >= 0 && bpf_map_get(arm->map, &value) == 0 && value != 0;
}

int netarm_set(const struct netarm *arm, bool cut)
{
	if (bpf_map_set(arm->map, cut) < 0)
		return -1;
	if (netarm_cuts(arm) == cut)
		return 0;
	errno = EIO;
	return -1;
}

bool netarm_holds(const struct netarm *arm, int group, size_t hook, bool *ret_others)
{
	uint32_t ids[ATTACHED_MAX] = { 0 };
	int count = arm->ids[hook] ? bpf_query(group, netcut_hooks[hook].attach, ids,
					       ATTACHED_MAX) : 0;

	*ret_others = count > 1;
	for (int i = 0; i < count && i < ATTACHED_MAX; i++)
		if (ids[i] == arm->ids[hook])
			return true;
	return false;
}
