/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only program in the benchmark's root file system. Called as "true" it
 * ends at once with status 0; called as "pause" it waits for a signal that ends
 * it; called as "hold" it does so with 256 MiB of memory that differ from page to page;
 * called as "alarm" it writes the time and makes a call that its policy
 * calls an alarm; called as "calls" it makes two million of the cheapest.
 * It has no library, so a container costs what the runtime makes it cost.
 */
#include "bare.h"

#include <stddef.h>

/* The time and the call are next to one another: what is between them is measured. */
static void raise_alarm(void)
{
	long now[2] = { 0, 50 * 1000 * 1000 };

	/* Whoever started it has turned to look at the cgroup by then. */
	bare_call(__NR_nanosleep, (long)now, 0, 0, 0, 0);
	bare_call(__NR_clock_gettime, 1, (long)now, 0, 0, 0);
	bare_call(__NR_write, 1, (long)now, sizeof(now), 0, 0);
	bare_call(__NR_keyctl, 0, 0, 0, 0, 0);
}

static void make_calls(void)
{
	for (int n = 0; n < 2000000; n++)
		bare_call(__NR_getppid, 0, 0, 0, 0, 0);
}

static void hold_memory(void)
{
	enum { SIZE = 256 << 20, WORDS = SIZE / 8, ALIGN = 4096 };
	long end = (bare_call(__NR_brk, 0, 0, 0, 0, 0) + ALIGN - 1) / ALIGN * ALIGN;
	unsigned long *memory = (unsigned long *)end;

	bare_call(__NR_brk, end + SIZE, 0, 0, 0, 0);

	for (unsigned long i = 0; i < WORDS; i++)
		memory[i] = i * 0x9e3779b97f4a7c15;
}

int bare_main(long argc, char **argv, char **envp)
{
	const char *name = argc > 0 ? argv[0] : "";
	const char *base = name;

	(void)envp;
	for (const char *p = name; *p; p++)
		if (*p == '/')
			base = p + 1;
	if (base[0] == 'a')
		raise_alarm();
	if (base[0] == 'c')
		make_calls();
	if (base[0] == 'h')
		hold_memory();
	if (base[0] != 'p' && base[0] != 'h')
		return 0;
	for (;;)
		bare_call(__NR_ppoll, (long)NULL, 0, (long)NULL, (long)NULL, 0);
}
