/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cutting a group off: programs on the group that drop its packets and refuse its new connections
 * and devices. They are added to those that are there (all have to allow, so what is there is
 * never touched), are known by their name, outlive us, and die with the group.
 */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/guard.h"

/* "10.0.0.0/8:443" and the like. Port 0: any. */
struct netcut_rule {
	bool v6;
	uint8_t length;			/* of the prefix in bits */
	uint16_t port;			/* of the peer */
	uint8_t address[16];		/* network order; 4 bytes when not v6 */
};

enum { NETCUT_RULES_MAX = 64 };

/* PURE. Reads "ADDRESS[/LENGTH][:PORT]", an IPv6 address with a port in brackets. 0 or -1. */
int netcut_rule_read(const char *text, struct netcut_rule *ret, struct err *e)
	__attribute__((warn_unused_result));

/* What a program is asked about. */
enum netcut_kind {
	NETCUT_EGRESS,		/* a packet that leaves */
	NETCUT_INGRESS,		/* one that arrives */
	NETCUT_ADDRESS4,	/* connect and sendmsg to an address */
	NETCUT_ADDRESS6,
	NETCUT_NOTHING,		/* whatever it is, it is refused */
	NETCUT_SEQPACKET,	/* connect of a unix socket: of packets in sequence (gap.h) */
	NETCUT_KIND_COUNT_
};

/* So many instructions at most. */
enum { NETCUT_CODE_FIXED = 64, NETCUT_CODE_PER_RULE = 20,
	NETCUT_CODE_MAX = NETCUT_CODE_FIXED + NETCUT_RULES_MAX * NETCUT_CODE_PER_RULE };

/* PURE. The program that allows what the rules name and nothing else; its length. */
size_t netcut_code(enum netcut_kind kind, const struct netcut_rule *rules, size_t count,
		   struct bpf_insn *code);

/*
 * One place in the kernel where a group is cut off, in the order in which they are put in place:
 * first what stops the data that is under way.
 */
struct netcut_hook {
	const char *name;		/* in reports; the program is called NETCUT_PREFIX and this */
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	enum netcut_kind kind;
	bool vital;			/* without it the network is not cut */
	bool only_without_rules;	/* where something is allowed, it cannot be refused here */
};

#define NETCUT_PREFIX "orlop_cut_"
enum { NETCUT_HOOKS = 10 };
extern const struct netcut_hook netcut_hooks[NETCUT_HOOKS];

/* The program for a place, a descriptor that is the caller's; -1, and `*line` says why. */
int netcut_load(const struct netcut_hook *hook, const struct netcut_rule *rules, size_t count,
		struct arena *a, struct guard_mechanism *line) __attribute__((warn_unused_result));

/*
 * Puts it in place of ours that was there, if any, without a moment in which neither is, and reads
 * back that it is there. `*line`, which has the name already, says what came of it.
 */
void netcut_attach(int group, const struct netcut_hook *hook, int program, struct arena *a,
		   struct guard_mechanism *line);

/* Takes ours from there and reads back that none is left. */
void netcut_undo(int group, const struct netcut_hook *hook, struct arena *a,
		 struct guard_mechanism *line);

/* Whether a program of ours is there: 1, 0, or -1 when the kernel does not say. */
int netcut_present(int group, const struct netcut_hook *hook);
