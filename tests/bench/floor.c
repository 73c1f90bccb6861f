/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what a bundle costs when only the kernel is paid. It makes the
 * namespaces, the mounts (masked and read-only paths are mounts too), the
 * pivot_root and the exec that the bundle asks for, waits, and ends with the
 * program's status. No configuration is read, nothing is recorded, checked,
 * dropped or filtered, and no path is resolved with care: it is a ruler, not a
 * runtime.
 *
 * The work comes as arguments, so that not even a file is read:
 *
 *   floor CLONE_FLAGS ROOTFS OP... -- PROGRAM [ARG]...
 *
 *   m SOURCE TARGET TYPE FLAGS DATA   mount; an empty SOURCE, TYPE or DATA is NULL
 *   d TARGET                          mkdir
 *   n NAME                            sethostname
 *
 * TARGET is taken from ROOTFS, without a leading slash. Numbers are decimal. A
 * mount whose target is missing is passed over, as masked paths are; any other
 * refusal ends the program with status 100 plus the errno.
 */
#include "bare.h"

#include <errno.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>

#define FLOOR_UMOUNT_DETACH 2

static unsigned long number(const char *s)
{
	unsigned long n = 0;

	for (; *s; s++)
		n = n * 10 + (unsigned long)(*s - '0');
	return n;
}

static long length(const char *s)
{
	long n = 0;

	while (s[n])
		n++;
	return n;
}

static void stop(long err)
{
	bare_call(__NR_exit_group, err < 100 ? 100 + err : 255, 0, 0, 0, 0);
}

static long or_null(const char *s)
{
	return *s ? (long)s : (long)NULL;
}

static void must(long ret)
{
	if (ret < 0)
		stop(-ret);
}

static void enter(char **argv, char **envp)
{
	const char *rootfs = *argv++;

	must(bare_call(__NR_mount, (long)NULL, (long)"/", (long)NULL, MS_REC | MS_PRIVATE, 0));
	must(bare_call(__NR_mount, (long)rootfs, (long)rootfs, (long)NULL, MS_BIND | MS_REC, 0));
	must(bare_call(__NR_chdir, (long)rootfs, 0, 0, 0, 0));
	for (; argv[0][0] != '-'; argv++) {
		long ret;

		switch (argv[0][0]) {
		case 'm':
			ret = bare_call(__NR_mount, or_null(argv[1]), (long)argv[2], or_null(argv[3]),
					(long)number(argv[4]), or_null(argv[5]));
			if (ret != -ENOENT)
				must(ret);
			argv += 5;
			break;
		case 'd':
			ret = bare_call(__NR_mkdirat, -100, (long)argv[1], 0755, 0, 0);
			if (ret != -EEXIST)
				must(ret);
			argv += 1;
			break;
		case 'n':
			must(bare_call(__NR_sethostname, (long)argv[1], length(argv[1]), 0, 0, 0));
			argv += 1;
			break;
		default:
			stop(EINVAL);
		}
	}
	argv++;
	must(bare_call(__NR_pivot_root, (long)".", (long)".", 0, 0, 0));
	must(bare_call(__NR_umount2, (long)".", FLOOR_UMOUNT_DETACH, 0, 0, 0));
	must(bare_call(__NR_execve, (long)argv[0], (long)argv, (long)envp, 0, 0));
}

int bare_main(long argc, char **argv, char **envp)
{
	int status = 0;
	long pid;

	if (argc < 5)
		return 2;
	/* No memory of its own is asked for (no CLONE_VM): the copy is a few pages. */
	pid = bare_call(__NR_clone, (long)(number(argv[1]) | SIGCHLD), 0, 0, 0, 0);
	must(pid);
	if (pid == 0)
		enter(argv + 2, envp);
	must(bare_call(__NR_wait4, pid, (long)&status, 0, 0, 0));
	return (status & 0x7f) ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
}
