/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The file holds one letter: 'f', it is to be frozen afterwards, or 'r', it is to run.
 * Two of its bytes are locked: the first by whoever is about to read or write the letter, the second,
 * shared, by everybody who keeps the container still.
 */
#include "guard/still.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/freeze.h"
#include "orlop/auto.h"
#include "orlop/guard.h"

#define STILL_FILE "still"
enum { TURN = 0, PRESENCE = 1, TRIES = 100, STEP_MS = 2 };

/* Locks of open file descriptions (F_OFD): they end with the descriptor, whatever ends it. */
static bool lock(int fd, int range, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = range, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

/* One who has been stopped in here holds nobody up for long: then it is done without a turn. */
static void take_turn(int fd)
{
	for (int tries = 0; tries < TRIES && !lock(fd, TURN, F_WRLCK); tries++)
		poll(NULL, 0, STEP_MS);
}

/* The file, whose turn is ours. The last one at it removes it: then there is a new one. */
static int open_turn(int dir, int flags)
{
	for (int tries = 0; tries < TRIES; tries++) {
		auto_fd int fd = openat(dir, STILL_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags,
					0600);
		struct stat st;

		if (fd < 0)
			return -1;
		take_turn(fd);
		if (fstat(fd, &st) == 0 && st.st_nlink > 0)
			return take_fd(&fd);
	}
	return -1;
}

static void write_wish(int fd, bool frozen)
{
	if (pwrite(fd, frozen ? "f" : "r", 1, 0) != 1)
		return;		/* an unreadable wish counts as frozen: see below */
}

static bool read_wish(int fd)
{
	char letter;

	return pread(fd, &letter, 1, 0) != 1 || letter != 'r';
}

int still_begin(int dir, int group, bool *ret_before)
{
	int fd = open_turn(dir, O_CREAT);

	*ret_before = guard_freeze_asked(group);
	if (fd < 0)
		return -1;
	if (lock(fd, PRESENCE, F_WRLCK))
		write_wish(fd, *ret_before);
	*ret_before = read_wish(fd);
	lock(fd, PRESENCE, F_RDLCK);	/* from a write lock as well: never without */
	lock(fd, TURN, F_UNLCK);
	return fd;
}

bool still_end(int dir, int fd, bool before)
{
	bool last, stays;

	if (fd < 0)
		return !before;
	take_turn(fd);
	stays = read_wish(fd);
	last = lock(fd, PRESENCE, F_WRLCK);
	if (last)
		unlinkat(dir, STILL_FILE, 0);
	close(fd);
	return last && !stays;
}

bool still_kept(int dir, bool *ret_stays)
{
	auto_fd int fd = open_turn(dir, 0);

	if (fd < 0 || lock(fd, PRESENCE, F_WRLCK))
		return false;
	*ret_stays = read_wish(fd);
	return true;
}

bool still_want(int dir, bool frozen)
{
	auto_fd int fd = open_turn(dir, 0);

	/* Without anybody there is nothing to say it to. */
	if (fd < 0 || lock(fd, PRESENCE, F_WRLCK) || read_wish(fd) == frozen)
		return false;
	write_wish(fd, frozen);
	return true;
}
