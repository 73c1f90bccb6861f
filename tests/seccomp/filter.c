/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a filter with libseccomp, as the reference for what a profile means.
 * It knows nothing of profiles: the rules come on standard input, a line each,
 * and the program goes out on standard output as raw struct sock_filter.
 *
 *   optimize LEVEL
 *   arch NAME                          libseccomp's name; before the rules
 *   default ACTION                     ACTION is a number, SECCOMP_RET_* with its data
 *   rule ACTION NAME [ARG OP A B]...   OP is libseccomp's name without SCMP_CMP_
 *
 * A name that libseccomp does not know is passed over and told on standard
 * error, "unknown NAME". A refusal ends the program with status 1.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 64

static const struct {
	const char *name;
	enum scmp_compare op;
} operators[] = {
	{ "NE", SCMP_CMP_NE }, { "LT", SCMP_CMP_LT }, { "LE", SCMP_CMP_LE },
	{ "EQ", SCMP_CMP_EQ }, { "GE", SCMP_CMP_GE }, { "GT", SCMP_CMP_GT },
	{ "MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("filter: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void check(int ret, const char *what)
{
	if (ret < 0)
		die("%s: %s", what, strerror(-ret));
}

static uint64_t number(const char *s)
{
	char *end;
	uint64_t n;

	if (!s)
		die("a number is missing");
	n = strtoull(s, &end, 0);
	if (!*s || *end)
		die("'%s' is not a number", s);
	return n;
}

static enum scmp_compare operator_find(const char *name)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (name && strcmp(name, operators[i].name) == 0)
			return operators[i].op;
	die("'%s' is not an operator", name ? name : "");
}

static void rule_add(scmp_filter_ctx ctx, char **word, int n)
{
	struct scmp_arg_cmp args[6];
	unsigned int count = 0;
	int nr;

	if (n < 3 || (n - 3) % 4 || (n - 3) / 4 > 6)
		die("rule ACTION NAME [ARG OP A B]...");
	nr = seccomp_syscall_resolve_name(word[2]);
	if (nr == __NR_SCMP_ERROR) {
		fprintf(stderr, "unknown %s\n", word[2]);
		return;
	}
	for (char **w = word + 3; w < word + n; w += 4, count++) {
		args[count].arg = (unsigned int)number(w[0]);
		args[count].op = operator_find(w[1]);
		args[count].datum_a = number(w[2]);
		args[count].datum_b = number(w[3]);
	}
	check(seccomp_rule_add_array(ctx, (uint32_t)number(word[1]), nr, count, args), word[2]);
}

static scmp_filter_ctx filter_new(uint32_t action)
{
	scmp_filter_ctx ctx = seccomp_init(action);

	if (!ctx)
		die("seccomp_init: action %#x", action);
	check(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "badarch");
	return ctx;
}

/* libseccomp starts with the machine's own architecture and does not like to have none, so that
 * one goes when another is there. */
static void arch_add(scmp_filter_ctx ctx, const char *name, int *own)
{
	uint32_t arch = seccomp_arch_resolve_name(name);

	if (arch == seccomp_arch_native()) {
		*own = 1;
		return;
	}
	check(seccomp_arch_add(ctx, arch), name);
}

int main(void)
{
	scmp_filter_ctx ctx = NULL;
	char *line = NULL;
	size_t size = 0;
	int own = 0, ruled = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *word[WORDS_MAX];
		int n = 0;

		for (char *w = strtok(line, " \n"); w && n < WORDS_MAX; w = strtok(NULL, " \n"))
			word[n++] = w;
		if (n == 0)
			continue;
		if (strcmp(word[0], "default") == 0 && n == 2 && !ctx)
			ctx = filter_new((uint32_t)number(word[1]));
		else if (!ctx)
			die("the default comes first");
		else if (strcmp(word[0], "arch") == 0 && n == 2)
			arch_add(ctx, word[1], &own);
		else if (strcmp(word[0], "optimize") == 0 && n == 2)
			check(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE,
					       (uint32_t)number(word[1])), "optimize");
		else if (strcmp(word[0], "rule") == 0) {
			if (!ruled++ && !own)
				check(seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE), "own arch");
			rule_add(ctx, word, n);
		} else
			die("'%s' is not understood", word[0]);
	}
	if (!ctx)
		die("no rules");
	check(seccomp_export_bpf(ctx, STDOUT_FILENO), "export");
	seccomp_release(ctx);
	free(line);
	return 0;
}
