/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges two directory entries as fast as it can until it is ended: what a container with a
 * shared volume does while another one is created. Usage: racer PATH PATH [PATH PATH...]
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 3 || argc % 2 == 0) {
		fprintf(stderr, "usage: racer PATH PATH [PATH PATH...]\n");
		return 64;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		for (int i = 1; i < argc; i += 2)
			if (renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], RENAME_EXCHANGE)) {
				perror("racer: renameat2");
				return 1;
			}
}
