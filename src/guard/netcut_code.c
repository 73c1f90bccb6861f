/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. From the rules of --allow to instructions. Without rules each program is two instructions:
 * no. Packets are looked at from their network header on; a fragment that does not carry the ports
 * and a header that we do not know have no port, so a rule with a port does not match them.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "guard/netcut.h"

/*
 * What the registers hold: CONTEXT, ADDRESS (of the peer, IPv4), START (of the ports) and PORT are
 * kept over calls; ARGUMENT to FIFTH are a call's.
 */
enum { ANSWER = BPF_REG_0, ARGUMENT = BPF_REG_1, SECOND = BPF_REG_2, THIRD = BPF_REG_3,
	FOURTH = BPF_REG_4, FIFTH = BPF_REG_5, CONTEXT = BPF_REG_6, ADDRESS = BPF_REG_7,
	START = BPF_REG_8, PORT = BPF_REG_9, FRAME = BPF_REG_10 };

/* The stack: the network header, and the port. */
enum { HEADER = -64, PORT_AT = -8 };

struct program {
	struct bpf_insn *code;
	size_t count;
};

/* The places that leave for another one that is known later. */
struct exits {
	size_t at[16], count;
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
static void emit(struct program *p, int op, int to, int from, int offset, uint32_t value)
{
	p->code[p->count++] = (struct bpf_insn){
		.code = (uint8_t)op, .dst_reg = to, .src_reg = from,
		.off = (int16_t)offset, .imm = (int32_t)value,
	};
}
#pragma GCC diagnostic pop

static void answer(struct program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, ANSWER, 0, 0, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* A jump that is taken when the comparison with the constant holds, to where `land` will be. */
static void leave(struct program *p, struct exits *exits, int comparison, int reg, uint32_t value)
{
	exits->at[exits->count++] = p->count;
	emit(p, BPF_JMP32 | comparison | BPF_K, reg, 0, 0, value);
}

static void land(struct program *p, struct exits *exits)
{
	for (size_t i = 0; i < exits->count; i++)
		p->code[exits->at[i]].off = (int16_t)(p->count - exits->at[i] - 1);
	exits->count = 0;
}

/* The network mask of a prefix, as a word that was read from a packet has it. */
static uint32_t mask_word(unsigned length, unsigned word)
{
	unsigned bits = length <= word * 32 ? 0 : length - word * 32;

	return bits == 0 ? 0 : bits >= 32 ? UINT32_MAX : htonl(~(UINT32_MAX >> bits));
}

static uint32_t address_word(const struct netcut_rule *rule, unsigned word)
{
	uint32_t value;

	memcpy(&value, rule->address + 4 * word, sizeof(value));
	return value;
}

static void match_port(struct program *p, struct exits *next, const struct netcut_rule *rule)
{
	if (rule->port)
		leave(p, next, BPF_JNE, PORT, htons(rule->port));
	answer(p, true);
	land(p, next);
}

static void match4(struct program *p, const struct netcut_rule *rule)
{
	struct exits next = { .count = 0 };
	uint32_t mask = mask_word(rule->length, 0);

	if (mask) {
		emit(p, BPF_ALU | BPF_MOV | BPF_X, ARGUMENT, ADDRESS, 0, 0);
		emit(p, BPF_ALU | BPF_AND | BPF_K, ARGUMENT, 0, 0, mask);
		leave(p, &next, BPF_JNE, ARGUMENT, address_word(rule, 0) & mask);
	}
	match_port(p, &next, rule);
}

/* The address is four words at an offset from a base; an IPv4 rule is about mapped addresses. */
static void match6(struct program *p, const struct netcut_rule *rule, int base, int offset)
{
	struct exits next = { .count = 0 };

	for (unsigned word = 0; word < 4; word++) {
		uint32_t mask = rule->v6 ? mask_word(rule->length, word) :
				word < 3 ? UINT32_MAX : mask_word(rule->length, 0);
		uint32_t want = rule->v6 ? address_word(rule, word) :
				word < 2 ? 0 : word == 2 ? htonl(0xffff) : address_word(rule, 0);

		if (!mask)
			continue;
		emit(p, BPF_LDX | BPF_MEM | BPF_W, ARGUMENT, base, offset + 4 * (int)word, 0);
		emit(p, BPF_ALU | BPF_AND | BPF_K, ARGUMENT, 0, 0, mask);
		leave(p, &next, BPF_JNE, ARGUMENT, want & mask);
	}
	match_port(p, &next, rule);
}

/* bpf_skb_load_bytes_relative: `length` bytes from START (or 0) behind the network header on. */
static void load_bytes(struct program *p, struct exits *refuse, bool from_start, int to,
		       uint32_t length)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, ARGUMENT, CONTEXT, 0, 0);
	if (from_start)
		emit(p, BPF_ALU64 | BPF_MOV | BPF_X, SECOND, START, 0, 0);
	else
		emit(p, BPF_ALU64 | BPF_MOV | BPF_K, SECOND, 0, 0, 0);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, THIRD, FRAME, 0, 0);
	emit(p, BPF_ALU64 | BPF_ADD | BPF_K, THIRD, 0, 0, (uint32_t)to);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, FOURTH, 0, 0, length);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, FIFTH, 0, 0, BPF_HDR_START_NET);
	emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes_relative);
	leave(p, refuse, BPF_JNE, ANSWER, 0);
}

/* PORT becomes the peer's port where the protocol in START's place has one, else 0. */
static void load_port(struct program *p, struct exits *refuse, int protocol_at, bool egress)
{
	struct exits none = { .count = 0 }, found = { .count = 0 };

	emit(p, BPF_LDX | BPF_MEM | BPF_B, ARGUMENT, FRAME, HEADER + protocol_at, 0);
	leave(p, &found, BPF_JEQ, ARGUMENT, IPPROTO_TCP);
	leave(p, &none, BPF_JNE, ARGUMENT, IPPROTO_UDP);
	land(p, &found);
	if (egress)
		emit(p, BPF_ALU64 | BPF_ADD | BPF_K, START, 0, 0, 2);
	load_bytes(p, refuse, true, PORT_AT, 2);
	emit(p, BPF_LDX | BPF_MEM | BPF_H, PORT, FRAME, PORT_AT, 0);
	land(p, &none);
}

static void packet4(struct program *p, const struct netcut_rule *rules, size_t count, bool egress,
		    struct exits *refuse)
{
	struct exits fragment = { .count = 0 };

	load_bytes(p, refuse, false, HEADER, 20);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, ADDRESS, FRAME, HEADER + (egress ? 16 : 12), 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_B, START, FRAME, HEADER, 0);
	emit(p, BPF_ALU | BPF_AND | BPF_K, START, 0, 0, 0xf);
	emit(p, BPF_ALU | BPF_LSH | BPF_K, START, 0, 0, 2);
	emit(p, BPF_LDX | BPF_MEM | BPF_H, ARGUMENT, FRAME, HEADER + 6, 0);
	leave(p, &fragment, BPF_JSET, ARGUMENT, htons(0x1fff));
	load_port(p, refuse, 9, egress);
	land(p, &fragment);
	for (size_t i = 0; i < count; i++)
		if (!rules[i].v6)
			match4(p, &rules[i]);
	answer(p, false);
}

static void packet6(struct program *p, const struct netcut_rule *rules, size_t count, bool egress,
		    struct exits *refuse)
{
	load_bytes(p, refuse, false, HEADER, 40);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, START, 0, 0, 40);
	load_port(p, refuse, 6, egress);
	for (size_t i = 0; i < count; i++)
		if (rules[i].v6)
			match6(p, &rules[i], FRAME, HEADER + (egress ? 24 : 8));
	answer(p, false);
}

static void packet(struct program *p, const struct netcut_rule *rules, size_t count, bool egress)
{
	struct exits is6 = { .count = 0 }, refuse = { .count = 0 };

	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, CONTEXT, ARGUMENT, 0, 0);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, PORT, 0, 0, 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, ARGUMENT, CONTEXT,
	     (int)offsetof(struct __sk_buff, protocol), 0);
	leave(p, &is6, BPF_JEQ, ARGUMENT, htons(ETH_P_IPV6));
	leave(p, &refuse, BPF_JNE, ARGUMENT, htons(ETH_P_IP));
	packet4(p, rules, count, egress, &refuse);
	land(p, &is6);
	packet6(p, rules, count, egress, &refuse);
	land(p, &refuse);
	answer(p, false);
}

static void address(struct program *p, const struct netcut_rule *rules, size_t count, bool v6)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, CONTEXT, ARGUMENT, 0, 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, PORT, CONTEXT,
	     (int)offsetof(struct bpf_sock_addr, user_port), 0);
	emit(p, BPF_ALU | BPF_AND | BPF_K, PORT, 0, 0, 0xffff);
	if (!v6)
		emit(p, BPF_LDX | BPF_MEM | BPF_W, ADDRESS, CONTEXT,
		     (int)offsetof(struct bpf_sock_addr, user_ip4), 0);
	for (size_t i = 0; i < count; i++)
		if (v6)
			match6(p, &rules[i], CONTEXT, (int)offsetof(struct bpf_sock_addr, user_ip6));
		else if (!rules[i].v6)
			match4(p, &rules[i]);
	answer(p, false);
}

static void seqpacket(struct program *p)
{
	struct exits other = { .count = 0 };

	emit(p, BPF_LDX | BPF_MEM | BPF_W, ARGUMENT, ARGUMENT,
	     (int)offsetof(struct bpf_sock_addr, type), 0);
	leave(p, &other, BPF_JNE, ARGUMENT, SOCK_SEQPACKET);
	answer(p, true);
	land(p, &other);
	answer(p, false);
}

size_t netcut_code(enum netcut_kind kind, const struct netcut_rule *rules, size_t count,
		   struct bpf_insn *code)
{
	struct program p = { .code = code };

	if (kind == NETCUT_SEQPACKET)
		seqpacket(&p);
	else if (kind == NETCUT_NOTHING || count == 0)
		answer(&p, false);
	else if (kind == NETCUT_EGRESS || kind == NETCUT_INGRESS)
		packet(&p, rules, count, kind == NETCUT_EGRESS);
	else
		address(&p, rules, count, kind == NETCUT_ADDRESS6);
	return p.count;
}

/* Digits at the end of the text behind the last `mark`, below `most`; they are cut off. */
static int number_behind(char *text, char mark, unsigned long most, long *ret)
{
	char *at = strrchr(text, mark), *end;
	unsigned long value;

	*ret = -1;
	if (!at)
		return 0;
	if (at[1] < '0' || at[1] > '9')
		return -1;
	value = strtoul(at + 1, &end, 10);
	if (*end || value > most)
		return -1;
	*at = '\0';
	*ret = (long)value;
	return 0;
}

static int rule_parse(const char *text, struct netcut_rule *rule)
{
	char copy[128], *address_text = copy, *close;
	long port = -1, length = -1;
	size_t len = strlen(text);

	if (len >= sizeof(copy))
		return -1;
	memcpy(copy, text, len + 1);
	close = strrchr(copy, ']');
	/* "[2001:db8::/32]:443"; without brackets the last colon of several is no port's. */
	if (*copy == '[' && close) {
		if (close[1] && (close[1] != ':' || number_behind(close, ':', UINT16_MAX, &port) < 0))
			return -1;
		*close = '\0';
		address_text++;
	} else if (strchr(copy, ':') == strrchr(copy, ':') &&
		   number_behind(copy, ':', UINT16_MAX, &port) < 0) {
		return -1;
	}
	if (number_behind(address_text, '/', 128, &length) < 0 || port == 0)
		return -1;
	rule->v6 = strchr(address_text, ':') != NULL;
	if (inet_pton(rule->v6 ? AF_INET6 : AF_INET, address_text, rule->address) != 1 ||
	    (!rule->v6 && length > 32))
		return -1;
	rule->length = (uint8_t)(length >= 0 ? length : rule->v6 ? 128 : 32);
	rule->port = (uint16_t)(port > 0 ? port : 0);
	return 0;
}

int netcut_rule_read(const char *text, struct netcut_rule *ret, struct err *e)
{
	struct netcut_rule rule = { .v6 = false };

	if (rule_parse(text, &rule) < 0) {
		err_set(e, ERR_USAGE, "--allow \"%.80s\": not an address", text);
		return err_hint(e, "10.0.0.0/8, 10.1.2.3:443, 2001:db8::/32 or [2001:db8::1]:443");
	}
	*ret = rule;
	return 0;
}
