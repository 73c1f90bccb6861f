/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freezes a cgroup and waits until it is frozen, or thaws it: what the kernel takes for that part
 * of a pause or a quarantine, with the start of one static program around it.
 *
 *   freeze DIRECTORY 0|1
 */
#include "bare.h"

#include <errno.h>
#include <fcntl.h>

static long open_in(long dir, const char *name, long flags)
{
	return bare_call(__NR_openat, dir, (long)name, flags | O_CLOEXEC, 0, 0);
}

/* The second line is "frozen N". */
static int is_frozen(const char *text, long len)
{
	long n = 0;

	while (n < len && text[n] != '\n')
		n++;
	n += sizeof("\nfrozen ") - 1;
	return n < len && text[n] == '1';
}

int bare_main(long argc, char **argv, char **envp)
{
	const struct { long seconds, nanoseconds; } pause = { 0, 20000 };
	char text[256];
	long dir, wish, events;
	int want;

	(void)envp;
	if (argc != 3)
		return 2;
	want = argv[2][0] == '1';
	dir = open_in(AT_FDCWD, argv[1], O_RDONLY | O_DIRECTORY);
	wish = open_in(dir, "cgroup.freeze", O_WRONLY);
	events = open_in(dir, "cgroup.events", O_RDONLY);
	if (dir < 0 || events < 0 || bare_call(__NR_write, wish, (long)argv[2], 1, 0, 0) != 1)
		return 1;
	for (;;) {
		long len = bare_call(__NR_pread64, events, (long)text, sizeof(text), 0, 0);

		if (len < 0)
			return 1;
		if (is_frozen(text, len) == want)
			return 0;
		bare_call(__NR_nanosleep, (long)&pause, 0, 0, 0, 0);
	}
}
