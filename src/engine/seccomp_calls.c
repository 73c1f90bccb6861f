/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/seccomp_calls.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "orlop/auto.h"

/*
 * Calls since Linux 6.5, when all architectures had long been given the same numbers.
 */
static const struct name newer[] = {
	{ "cachestat", 451 }, { "fchmodat2", 452 }, { "map_shadow_stack", 453 },
	{ "futex_wake", 454 }, { "futex_wait", 455 }, { "futex_requeue", 456 },
	{ "statmount", 457 }, { "listmount", 458 }, { "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 }, { "mseal", 462 },
	{ "setxattrat", 463 }, { "getxattrat", 464 }, { "listxattrat", 465 },
	{ "removexattrat", 466 }, { "open_tree_attr", 467 }, { "file_getattr", 468 },
	{ "file_setattr", 469 }, { "listns", 470 },
	{ "", 0 },
};

/* Those that x86_64 and x32 alone have. */
static const struct name newer_x86_64[] = {
	{ "uretprobe", 335 }, { "uprobe", 336 },
	{ "", 0 },
};

/* MIPS numbers each of its ABIs from a number of its own. */
static uint32_t first_number(uint32_t token)
{
	switch (token) {
	case SCMP_ARCH_X32:
		return 0x40000000;
	case SCMP_ARCH_MIPS:
	case SCMP_ARCH_MIPSEL:
		return 4000;
	case SCMP_ARCH_MIPS64:
	case SCMP_ARCH_MIPSEL64:
		return 5000;
	case SCMP_ARCH_MIPS64N32:
	case SCMP_ARCH_MIPSEL64N32:
		return 6000;
	default:
		return 0;
	}
}

/*
 * libseccomp numbers the calls that socketcall(2) and ipc(2) share -101 to -120 and -201 to -224
 * on architectures that have those, also where the call has a number besides. Returns whether
 * `nr` is one of them: 0 for socketcall, 1 for ipc, and the first argument; -1 otherwise.
 */
static int shared(int nr, uint32_t *ret_first)
{
	for (int kind = 0; kind < 2; kind++) {
		int first = -nr - (kind + 1) * 100;

		if (first > 0 && first < SECCOMP_SHARED_MAX) {
			*ret_first = (uint32_t)first;
			return kind;
		}
	}
	return -1;
}

/* The numbers that shared calls have besides on x86, where they are needed for every container. */
static const struct {
	int16_t nr, shared;
} x86_direct[] = {
	{ 359, -101 }, { 361, -102 }, { 362, -103 }, { 363, -104 }, { 367, -106 }, { 368, -107 },
	{ 360, -108 }, { 369, -111 }, { 371, -112 }, { 373, -113 }, { 366, -114 }, { 365, -115 },
	{ 370, -116 }, { 372, -117 }, { 364, -118 }, { 337, -119 }, { 345, -120 }, { 393, -202 },
	{ 394, -203 }, { 399, -213 }, { 400, -211 }, { 401, -212 }, { 402, -214 }, { 397, -221 },
	{ 398, -222 }, { 395, -223 }, { 396, -224 },
};

static void direct_add(struct seccomp_arch *arch, int nr, int shared_nr)
{
	uint32_t first;
	int kind = shared(shared_nr, &first);

	if (kind >= 0)
		arch->direct[kind][first] = nr;
}

/* Elsewhere libseccomp is asked about every number, which takes a quarter of a millisecond. */
static void direct_find(struct seccomp_arch *arch)
{
	int begin = (int)first_number(arch->token);

	for (int nr = begin; nr < begin + 600; nr++) {
		auto_free char *name = seccomp_syscall_resolve_num_arch(arch->token, nr);

		if (name)
			direct_add(arch, nr, seccomp_syscall_resolve_name_arch(arch->token, name));
	}
}

void seccomp_arch_init(struct seccomp_arch *arch, uint32_t token)
{
	*arch = (struct seccomp_arch){ .token = token };
	memset(arch->direct, -1, sizeof(arch->direct));
	arch->socketcall = seccomp_syscall_resolve_name_arch(token, "socketcall");
	arch->ipc = seccomp_syscall_resolve_name_arch(token, "ipc");
	if (arch->socketcall < 0 && arch->ipc < 0)
		return;
	if (token != SCMP_ARCH_X86) {
		direct_find(arch);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(x86_direct); i++)
		direct_add(arch, x86_direct[i].nr, x86_direct[i].shared);
}

bool seccomp_arch_is_32bit(uint32_t token)
{
	return !(token & __AUDIT_ARCH_64BIT) || token == SCMP_ARCH_MIPS64N32 ||
	       token == SCMP_ARCH_MIPSEL64N32;
}

bool seccomp_arch_is_little(uint32_t token)
{
	return token & __AUDIT_ARCH_LE;
}

size_t seccomp_call_find(const struct seccomp_arch *arch, const char *name,
			 struct seccomp_call ret[2])
{
	int nr = seccomp_syscall_resolve_name_arch(arch->token, name);
	size_t count = 0;
	uint64_t number;
	uint32_t first;
	int kind;

	if (nr == __NR_SCMP_ERROR) {
		bool x86_64 = arch->token == SCMP_ARCH_X86_64 || arch->token == SCMP_ARCH_X32;

		if (!names_find(newer, name, &number) &&
		    (!x86_64 || !names_find(newer_x86_64, name, &number)))
			return 0;
		ret[0].nr = (uint32_t)number + first_number(arch->token);
		ret[0].shared = false;
		return 1;
	}
	if (nr >= 0) {
		ret[0] = (struct seccomp_call){ .nr = (uint32_t)nr };
		return 1;
	}
	kind = shared(nr, &first);
	if (kind < 0)
		return 0;

	int64_t through = kind ? arch->ipc : arch->socketcall;

	if (through < 0)
		return 0;
	ret[count++] = (struct seccomp_call){ .nr = (uint32_t)through, .shared = true,
		.first = first };
	if (arch->direct[kind][first] >= 0)
		ret[count++] = (struct seccomp_call){ .nr = (uint32_t)arch->direct[kind][first] };
	return count;
}
