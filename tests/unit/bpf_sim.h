/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel would make of a seccomp program, without the kernel: whether it would load it
 * (seccomp_check_filter, bpf_check_classic), and what the program answers.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL, or why the kernel would refuse it. Only what ours and libseccomp's need is known. */
static inline const char *sim_refused(const struct sock_filter *code, size_t count)
{
	if (count == 0 || count > BPF_MAXINSNS)
		return "length";
	for (size_t at = 0; at < count; at++) {
		const struct sock_filter *i = &code[at];
		size_t left = count - at - 1;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k >= sizeof(struct seccomp_data))
				return "load outside of the data";
			break;
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_RET | BPF_K:
			break;
		case BPF_JMP | BPF_JA:
			if (i->k >= left)
				return "jump beyond the end";
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
		case BPF_JMP | BPF_JSET | BPF_K:
			if (i->jt >= left || i->jf >= left)
				return "jump beyond the end";
			break;
		default:
			return "instruction";
		}
	}
	return code[count - 1].code == (BPF_RET | BPF_K) ? NULL : "no return at the end";
}

/* The answer for one call; *steps is advanced by the instructions that ran, when it is not NULL. */
static inline uint32_t sim_run(const struct sock_filter *code, size_t count,
			       const struct seccomp_data *data, unsigned *steps)
{
	uint32_t word = 0;

	for (size_t at = 0; at < count;) {
		const struct sock_filter *i = &code[at++];

		if (steps)
			(*steps)++;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&word, (const char *)data + i->k, sizeof(word));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			word &= i->k;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += word == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			at += word > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += word >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += word & i->k ? i->jt : i->jf;
			break;
		default:
			fprintf(stderr, "instruction %#x cannot be run\n", i->code);
			abort();
		}
	}
	fprintf(stderr, "a program ran beyond its end\n");
	abort();
}
