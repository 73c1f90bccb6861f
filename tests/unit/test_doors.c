/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sockets of the host a container sees: by the file system, by what of it is mounted, and by
 * the name that the socket was bound under.
 */
#include "check.h"
#include "guard/scan_doors.h"
#include "orlop/auto.h"

static const char host[] =
	"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	"2 1 0:20 / /run rw - tmpfs tmpfs rw\n"
	"3 1 8:1 /srv/data /mnt rw - ext4 /dev/sda1 rw\n"
	"4 1 0:70 / /home/over rw - tmpfs tmpfs rw\n";
static const char inside[] =
	"9 8 0:50 / / rw - overlay overlay rw\n"
	"10 9 0:20 /docker.sock /var/run/docker.sock rw - tmpfs tmpfs rw\n"
	"11 9 0:20 /containerd/box/resolv.conf /etc/resolv.conf rw - tmpfs tmpfs rw\n"
	"12 9 8:1 /srv/data /data rw - ext4 /dev/sda1 rw\n"
	"13 9 0:60 / /tmp rw - tmpfs tmpfs rw\n";

static const struct {
	unsigned major, minor;
	const char *name;
	bool seen;
} rows[] = {
	{ 0, 20, "/run/docker.sock", true },		/* mounted by itself */
	{ 0, 20, "/var/run/docker.sock", true },	/* the old way to say the same */
	{ 0, 20, "/run/docker.sock2", false },
	{ 0, 20, "/run/containerd/containerd.sock", false },
	{ 0, 20, "/run/containerd/box/resolv.conf/s", true },
	{ 0, 20, "/elsewhere/s", true },		/* who knows where that is */
	{ 0, 20, "relative", true },
	{ 0, 21, "/run/docker.sock", false },		/* of another file system */
	{ 8, 1, "/srv/data/sub/s", true },		/* below what is mounted */
	{ 8, 1, "/mnt/sub/s", true },			/* the same file, by another mount */
	{ 8, 1, "/srv/database/s", false }, { 8, 1, "/srv", false }, { 8, 1, "/home/s", false },
	{ 8, 1, "/home/over/s", true },			/* covered now: where it is is not known */
	{ 0, 60, "/tmp/s", true },			/* its own, and nobody's that we know */
};

static void test_unknown(const struct mounts *mounts)
{
	static const struct mounts unknown = { 0 };
	struct sockdiag_door door = { .name = "/run/other", .major = 0, .minor = 20 };

	/* Whose mounts are not known may have bound it anywhere in the file system. */
	CHECK(scan_door_is_seen(&door, &unknown, mounts));
	door.minor = 21;
	CHECK(!scan_door_is_seen(&door, &unknown, mounts));
}

int main(void)
{
	auto_arena a = ARENA_NONE;
	struct mounts theirs = mounts_read(arena_strdup(&a, host), &a);
	struct mounts ours = mounts_read(arena_strdup(&a, inside), &a);

	CHECK(theirs.count == 4 && ours.count == 5);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct sockdiag_door door = { .name = rows[i].name, .major = rows[i].major,
						    .minor = rows[i].minor };

		CHECK(scan_door_is_seen(&door, &theirs, &ours) == rows[i].seen, "%u:%u %s",
		      door.major, door.minor, door.name);
	}
	test_unknown(&ours);
	return check_result();
}
