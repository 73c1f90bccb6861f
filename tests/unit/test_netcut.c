/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --allow lets through: the rules as they are written, the programs run by an interpreter on
 * packets and addresses made by hand and compared with a plain reading of the rules; then the
 * kernel's verifier is asked, which needs root.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engine/bpf.h"
#include "guard/netcut.h"
#include "orlop/auto.h"

/* --- the interpreter --- */

struct context {
	union {
		struct __sk_buff skb;
		struct bpf_sock_addr address;
	};
	const uint8_t *packet;
	size_t len;
};

/* A pointer is a tag in the upper half and an offset in the lower. */
enum { TAG_CONTEXT = 1, TAG_FRAME = 2 };
#define POINTER(tag, offset) ((uint64_t)(tag) << 32 | (uint32_t)(offset))

static uint8_t stack[512];

static const uint8_t *memory(const struct context *c, uint64_t pointer, int offset, size_t size)
{
	int at = (int)(uint32_t)pointer + offset;

	if (pointer >> 32 == TAG_FRAME && at < 0 && at >= -512 && at + (int)size <= 0)
		return stack + 512 + at;
	if (pointer >> 32 == TAG_CONTEXT && at >= 0 && (size_t)at + size <= sizeof(struct __sk_buff))
		return (const uint8_t *)c + at;
	fprintf(stderr, "access at %#llx %d\n", (unsigned long long)pointer, offset);
	abort();
}

static uint64_t load_bytes(const struct context *c, const uint64_t *r)
{
	const uint8_t *to = memory(c, r[3], 0, r[4]);

	if (r[1] >> 32 != TAG_CONTEXT || r[5] != BPF_HDR_START_NET)
		abort();
	if (r[2] > c->len || r[4] > c->len - r[2])
		return (uint64_t)-EFAULT;
	memcpy(stack + (to - stack), c->packet + r[2], r[4]);
	return 0;
}

static uint64_t sim(const struct bpf_insn *code, size_t count, const struct context *c)
{
	uint64_t r[11] = { [1] = POINTER(TAG_CONTEXT, 0), [10] = POINTER(TAG_FRAME, 0) };

	memset(stack, 0xa5, sizeof(stack));
	for (size_t at = 0, steps = 0; at < count && steps <= count; at++, steps++) {
		const struct bpf_insn *i = &code[at];
		uint64_t *to = &r[i->dst_reg];
		bool jump = false;
		uint16_t half;
		uint32_t word;

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			memcpy(&word, memory(c, r[i->src_reg], i->off, 4), 4);
			*to = word;
			continue;
		case BPF_LDX | BPF_MEM | BPF_H:
			memcpy(&half, memory(c, r[i->src_reg], i->off, 2), 2);
			*to = half;
			continue;
		case BPF_LDX | BPF_MEM | BPF_B:
			*to = *memory(c, r[i->src_reg], i->off, 1);
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			*to = r[i->src_reg];
			continue;
		case BPF_ALU | BPF_MOV | BPF_X:
			*to = (uint32_t)r[i->src_reg];
			continue;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*to = (uint64_t)(int64_t)i->imm;
			continue;
		case BPF_ALU64 | BPF_ADD | BPF_K:
			*to = *to >> 32 ? POINTER(*to >> 32, (uint32_t)*to + (uint32_t)i->imm) :
			      *to + (uint64_t)(int64_t)i->imm;
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			*to = (uint32_t)*to & (uint32_t)i->imm;
			continue;
		case BPF_ALU | BPF_LSH | BPF_K:
			*to = (uint32_t)*to << i->imm;
			continue;
		case BPF_JMP | BPF_CALL:
			if (i->imm != BPF_FUNC_skb_load_bytes_relative)
				abort();
			r[0] = load_bytes(c, r);
			continue;
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			jump = (uint32_t)*to == (uint32_t)i->imm;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			jump = (uint32_t)*to != (uint32_t)i->imm;
			break;
		case BPF_JMP32 | BPF_JSET | BPF_K:
			jump = (uint32_t)*to & (uint32_t)i->imm;
			break;
		case BPF_JMP | BPF_EXIT:
			return r[0];
		default:
			fprintf(stderr, "instruction %#x\n", i->code);
			abort();
		}
		if (i->off < 0)
			abort();
		if (jump)
			at += (size_t)i->off;
	}
	fprintf(stderr, "the program runs beyond its end\n");
	abort();
}

/* --- packets --- */

struct packet {
	const char *peer;
	uint8_t protocol;
	uint16_t port;		/* of the peer */
	unsigned options;	/* words behind an IPv4 header */
	bool fragment;
};

static bool ask_packet(const struct packet *p, const struct netcut_rule *rules, size_t count,
		       bool egress)
{
	static struct bpf_insn code[NETCUT_CODE_MAX];
	bool v6 = strchr(p->peer, ':');
	size_t header = v6 ? 40 : 20 + 4 * p->options;
	uint8_t bytes[128] = { v6 ? 0x60 : (uint8_t)(0x45 + p->options) };
	uint16_t port = htons(p->port), other = htons(9);
	struct context c = { .packet = bytes, .len = header + 20 };
	size_t length;

	bytes[v6 ? 6 : 9] = p->protocol;
	if (p->fragment)
		bytes[7] = 3;
	inet_pton(v6 ? AF_INET6 : AF_INET, p->peer,
		  bytes + (v6 ? egress ? 24 : 8 : egress ? 16 : 12));
	memcpy(bytes + header + (egress ? 2 : 0), &port, 2);
	memcpy(bytes + header + (egress ? 0 : 2), &other, 2);
	c.skb.protocol = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
	length = netcut_code(egress ? NETCUT_EGRESS : NETCUT_INGRESS, rules, count, code);
	CHECK(length <= NETCUT_CODE_FIXED + count * NETCUT_CODE_PER_RULE, "%zu", length);
	return sim(code, length, &c);
}

static bool ask_address(const char *peer, uint16_t port, const struct netcut_rule *rules,
			size_t count)
{
	static struct bpf_insn code[NETCUT_CODE_MAX];
	bool v6 = strchr(peer, ':');
	struct context c = { .address.user_port = htons(port) };

	inet_pton(v6 ? AF_INET6 : AF_INET, peer,
		  v6 ? (void *)c.address.user_ip6 : (void *)&c.address.user_ip4);
	return sim(code, netcut_code(v6 ? NETCUT_ADDRESS6 : NETCUT_ADDRESS4, rules, count, code), &c);
}

static const struct {
	const char *rule, *peer;
	uint16_t port;
	bool allowed;
} rows[] = {
	{ "10.0.0.0/8", "10.255.1.2", 80, true },
	{ "10.0.0.0/8", "11.0.0.1", 80, false },
	{ "10.1.2.3", "10.1.2.3", 1, true },
	{ "10.1.2.3", "10.1.2.2", 1, false },
	{ "10.1.2.3:443", "10.1.2.3", 443, true },
	{ "10.1.2.3:443", "10.1.2.3", 444, false },
	{ "0.0.0.0/0", "8.8.8.8", 53, true },
	{ "0.0.0.0/0:53", "8.8.8.8", 53, true },
	{ "0.0.0.0/0:53", "8.8.8.8", 54, false },
	{ "172.16.0.0/12", "172.31.255.255", 7, true },
	{ "172.16.0.0/12", "172.32.0.0", 7, false },
	{ "0.0.0.0/0", "2001:db8::1", 53, false },
	{ "::/0", "2001:db8::1", 53, true },
	{ "::/0", "10.0.0.1", 53, false },
	{ "2001:db8::/33", "2001:db8:7fff::1", 1, true },
	{ "2001:db8::/33", "2001:db8:8000::1", 1, false },
	{ "[2001:db8::1]:443", "2001:db8::1", 443, true },
	{ "[2001:db8::1]:443", "2001:db8::1", 80, false },
	{ "[2001:db8::/64]:443", "2001:db8::2", 443, true },
	{ "2001:db8::1", "2001:db8::2", 443, false },
};

static void test_rows(void)
{
	struct netcut_rule rule;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet p = { rows[i].peer, IPPROTO_TCP, rows[i].port, 0, false };

		CHECK(netcut_rule_read(rows[i].rule, &rule, &e) == 0, "%s: %s", rows[i].rule, e.text);
		for (int egress = 0; egress < 2; egress++)
			CHECK(ask_packet(&p, &rule, 1, egress) == rows[i].allowed, "%s %s %u %d",
			      rows[i].rule, rows[i].peer, rows[i].port, egress);
		p.protocol = IPPROTO_UDP;
		CHECK(ask_packet(&p, &rule, 1, true) == rows[i].allowed, "%s udp", rows[i].rule);
		p.protocol = IPPROTO_ICMP;
		CHECK(ask_packet(&p, &rule, 1, true) == (rows[i].allowed && !rule.port), "%s icmp",
		      rows[i].rule);
		CHECK(ask_address(rows[i].peer, rows[i].port, &rule, 1) == rows[i].allowed, "%s %s",
		      rows[i].rule, rows[i].peer);
		CHECK(!ask_packet(&p, NULL, 0, true) && !ask_address(rows[i].peer, 1, NULL, 0));
	}
}

static void test_corners(void)
{
	struct netcut_rule rules[2];
	struct packet p = { "10.1.2.3", IPPROTO_TCP, 443, 3, false };
	struct context arp = { .skb.protocol = htons(ETH_P_ARP), .packet = stack, .len = 64 };
	struct context short_one = { .skb.protocol = htons(ETH_P_IP), .packet = stack, .len = 19 };
	static struct bpf_insn code[NETCUT_CODE_MAX];
	size_t count;
	struct err e;

	CHECK(netcut_rule_read("192.0.2.0/24", &rules[0], &e) == 0);
	CHECK(netcut_rule_read("10.0.0.0/8:443", &rules[1], &e) == 0);
	CHECK(ask_packet(&p, rules, 2, true));		/* behind IPv4 options */
	p.fragment = true;
	CHECK(!ask_packet(&p, rules, 2, true));		/* a later fragment has no port */
	p.peer = "192.0.2.1";
	CHECK(ask_packet(&p, rules, 2, true));		/* and needs none there */
	CHECK(ask_address("::ffff:10.1.1.1", 443, rules, 2));
	CHECK(!ask_address("::ffff:10.1.1.1", 80, rules, 2));
	CHECK(!ask_address("::ffff:11.1.1.1", 443, rules, 2));
	CHECK(!ask_address("::10.1.1.1", 443, rules, 2));
	CHECK(netcut_rule_read("0.0.0.0/0", &rules[0], &e) == 0);
	count = netcut_code(NETCUT_EGRESS, rules, 1, code);
	CHECK(sim(code, count, &arp) == 0);
	CHECK(sim(code, count, &short_one) == 0);
}

/* Of unix sockets one kind gets through, and only by the program that says so. */
static void test_opening(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW };
	struct bpf_insn code[NETCUT_CODE_FIXED];
	struct netcut_rule rule;
	struct err e;

	CHECK(netcut_rule_read("0.0.0.0/0", &rule, &e) == 0);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct context c = { .address = { .family = AF_UNIX, .type = (unsigned)types[i] } };
		size_t count = netcut_code(NETCUT_SEQPACKET, NULL, 0, code);

		CHECK(sim(code, count, &c) == (types[i] == SOCK_SEQPACKET), "type %d", types[i]);
		CHECK(sim(code, netcut_code(NETCUT_NOTHING, &rule, 1, code), &c) == 0);
	}
}

static void test_refusals(void)
{
	static const char *const texts[] = { "", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
		"10.0.0.0:0", "10.0.0.0:65536", "10.0.0.0:", "10.0.0.0:1x", "::/129", "[::1]:",
		"[::1]x", "[::1", "2001:db8::/x", "10.0.0.0/8/8", "example.org", "10.0.0.1 " };
	struct netcut_rule rule;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		CHECK(netcut_rule_read(texts[i], &rule, &e) == -1, "\"%s\"", texts[i]);
}

/* The opening, where the kernel has the place that it is for. */
static void verify_opening(void)
{
	struct bpf_insn code[NETCUT_CODE_FIXED];
	size_t length = netcut_code(NETCUT_SEQPACKET, NULL, 0, code);
	char log[4096];

	for (size_t i = 0; i < NETCUT_HOOKS; i++) {
		const struct netcut_hook *hook = &netcut_hooks[i];
		auto_fd int fd = strcmp(hook->name, "unix") != 0 ? -1 :
				 bpf_load(hook->type, hook->attach, "orlop_test", code, length, log,
					  sizeof(log));

		CHECK(fd >= 0 || strcmp(hook->name, "unix") != 0 || errno == EINVAL ||
		      errno == EPERM, "%d %s", errno, log);
	}
}

/* The kernel takes every program, also with as many rules as there may be. */
static void test_verifier(void)
{
	static struct netcut_rule rules[NETCUT_RULES_MAX];
	static struct bpf_insn code[NETCUT_CODE_MAX];
	static char log[65536];
	struct err e;

	if (geteuid() != 0)
		return;
	verify_opening();
	for (size_t i = 0; i < NETCUT_RULES_MAX; i++)
		CHECK(netcut_rule_read(i % 2 ? "[2001:db8:1:2:3:4:5:6/127]:443" : "10.2.3.4/30:80",
				       &rules[i], &e) == 0);
	for (size_t i = 0; i < NETCUT_HOOKS; i++)
		for (size_t count = 0; count <= NETCUT_RULES_MAX; count += NETCUT_RULES_MAX) {
			size_t length = netcut_code(netcut_hooks[i].kind, rules, count, code);
			auto_fd int fd = bpf_load(netcut_hooks[i].type, netcut_hooks[i].attach,
						  "orlop_test", code, length, log, sizeof(log));

			CHECK(length <= NETCUT_CODE_MAX);
			CHECK(fd >= 0 || errno == EINVAL || errno == EPERM, "%s with %zu: %d %s",
			      netcut_hooks[i].name, count, errno, log);
		}
}

int main(void)
{
	test_rows();
	test_corners();
	test_opening();
	test_refusals();
	test_verifier();
	return check_result();
}
