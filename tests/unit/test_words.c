/* SPDX-License-Identifier: Apache-2.0 */
/* The tables agree with the kernel's headers, with libcap and with libseccomp. */
#include "oci/words.h"

#include <ctype.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/resource.h>

#include "check.h"
#include "orlop/auto.h"

static const struct name *const tables[] = {
	words_namespaces, words_capabilities, words_rlimits, words_propagation,
	words_device_types, words_rule_types, words_seccomp_actions, words_seccomp_ops,
	words_seccomp_archs, words_seccomp_flags, words_sched_policies, words_sched_flags,
	words_io_classes, words_mempolicy_modes, words_mempolicy_flags, words_personalities,
	words_signals,
};

static size_t length(const struct name *table)
{
	size_t n = 0;

	while (table[n].word[0])
		n++;
	return n;
}

static void check_unique(void)
{
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (const struct name *row = tables[t]; row->word[0]; row++)
			for (const struct name *other = tables[t]; other != row; other++)
				CHECK(strcmp(row->word, other->word) != 0, "%s", row->word);
}

static void check_namespaces(void)
{
	uint64_t flags = 0, type;

	CHECK(length(words_namespaces) == OCI_NS_COUNT_);
	for (int i = 0; i < OCI_NS_COUNT_; i++) {
		CHECK(words_ns[i].word && words_ns[i].proc && words_ns[i].flag, "%d", i);
		CHECK(names_find(words_namespaces, words_ns[i].word, &type) && type == (uint64_t)i);
		CHECK(!(flags & words_ns[i].flag), "%s", words_ns[i].word);
		flags |= words_ns[i].flag;
	}
	CHECK(words_ns[0].flag == CLONE_NEWUSER);
	CHECK(words_ns[OCI_NS_COUNT_ - 1].flag == CLONE_NEWNS);
	CHECK_STR(words_ns[OCI_NS_NETWORK].proc, "net");
	CHECK_STR(words_ns[OCI_NS_MOUNT].proc, "mnt");
}

/* The first rows, up to `count`, have the numbers 0, 1, 2 ... */
static void check_complete(const struct name *table, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		CHECK(names_word(table, i), "number %d", (int)i);
}

static void check_capabilities(void)
{
	CHECK(length(words_capabilities) == CAP_LAST_CAP + 1);
	check_complete(words_capabilities, CAP_LAST_CAP + 1);
	for (const struct name *row = words_capabilities; row->word[0]; row++) {
		char *theirs = cap_to_name((cap_value_t)row->value);

		CHECK(theirs && strcasecmp(theirs, row->word) == 0, "%s", row->word);
		cap_free(theirs);
	}
}

static void check_seccomp(void)
{
	int known = 0;

	check_complete(words_seccomp_ops, OCI_OP_COUNT_);
	for (uint64_t i = OCI_SECCOMP_UNSET + 1; i < OCI_SECCOMP_COUNT_; i++)
		CHECK(names_word(words_seccomp_actions, i), "%d", (int)i);
	CHECK_STR(names_word(words_seccomp_actions, OCI_SECCOMP_KILL), "SCMP_ACT_KILL");
	CHECK(length(words_seccomp_archs) == 23);
	for (const struct name *row = words_seccomp_archs; row->word[0]; row++) {
		char lower[32] = "";
		uint32_t token;

		for (size_t i = 0; row->word[10 + i]; i++)
			lower[i] = (char)tolower((unsigned char)row->word[10 + i]);
		token = seccomp_arch_resolve_name(lower);
		CHECK(token == 0 || token == row->value, "%s", row->word);
		known += token != 0;
	}
	CHECK(known >= 19, "libseccomp knows %d of our names", known);
}

static const struct {
	const char *word;
	int number;
} signals[] = {
	{ "15", 15 }, { "0", 0 }, { "64", 64 }, { "015", 15 }, { "65", -1 }, { "-1", -1 },
	{ "1000", -1 }, { "9999999999", -1 }, { "", -1 }, { " 9", -1 }, { "9 ", -1 }, { "9x", -1 },
	{ "TERM", SIGTERM }, { "SIGTERM", SIGTERM }, { "sigterm", SIGTERM }, { "SigKill", SIGKILL },
	{ "kill", SIGKILL }, { "SIG", -1 }, { "SIGSIGTERM", -1 }, { "TERMX", -1 }, { "FOO", -1 },
	{ "IOT", SIGABRT }, { "CLD", SIGCHLD }, { "POLL", SIGIO }, { "WINCH", SIGWINCH },
	{ "RTMIN", 34 }, { "SIGRTMIN", 34 }, { "SIGRTMIN+3", 37 }, { "sigrtmin+30", 64 },
	{ "SIGRTMIN+31", -1 }, { "SIGRTMIN-1", -1 }, { "SIGRTMIN+", -1 }, { "RTMIN+1x", -1 },
	{ "RTMAX", 64 }, { "SIGRTMAX-30", 34 }, { "SIGRTMAX-31", -1 }, { "RTMAX+0", -1 },
};

static void check_signals(void)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		CHECK(words_signal(signals[i].word) == signals[i].number, "%s gives %d",
		      signals[i].word, words_signal(signals[i].word));
	for (int n = 1; n <= 31; n++) {
		const char *name = names_word(words_signals, (uint64_t)n);
		const char *theirs = sigabbrev_np(n);

		CHECK(name && theirs && words_signal(theirs) == n, "%d", n);
	}
	CHECK(WORDS_SIGRTMIN == SIGRTMIN && WORDS_SIGRTMAX == SIGRTMAX);
}

int main(void)
{
	check_unique();
	check_namespaces();
	check_capabilities();
	CHECK(length(words_rlimits) == RLIMIT_NLIMITS);
	check_complete(words_rlimits, RLIMIT_NLIMITS);
	check_seccomp();
	check_signals();
	return check_result();
}
