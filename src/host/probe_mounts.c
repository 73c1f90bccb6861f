/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems that containers are made of, the mount interface by descriptors, and the file
 * systems that this program itself lives on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/text.h"
#include "host/probe_parts.h"
#include "orlop/auto.h"

static void probe_types(struct probe *p)
{
	static const struct {
		const char *word;
		enum probe_grade without;
		const char *advice;
	} types[] = {
		{ "proc", PROBE_BAD, "build the kernel with CONFIG_PROC_FS" },
		{ "sysfs", PROBE_BAD, "build the kernel with CONFIG_SYSFS" },
		{ "tmpfs", PROBE_BAD, "build the kernel with CONFIG_TMPFS" },
		{ "devpts", PROBE_BAD, "build the kernel with CONFIG_UNIX98_PTYS" },
		{ "cgroup2", PROBE_BAD, "build the kernel with CONFIG_CGROUPS" },
		{ "mqueue", PROBE_NOTE, "build the kernel with CONFIG_POSIX_MQUEUE" },
		{ "overlay", PROBE_NOTE, "modprobe overlay, or let the engine use another driver" },
	};
	const char *known = probe_file(p, "/proc/filesystems");
	struct text there = TEXT_IN(p->arena);

	if (!known) {
		probe_not(p, PROBE_BAD, "file systems", "mount proc on /proc",
			  "/proc/filesystems cannot be read");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (probe_has_word(known, types[i].word, "\t\n"))
			text_printf(&there, "%s%s", there.len ? " " : "", types[i].word);
		else
			probe_not(p, types[i].without, "file systems", types[i].advice, "no %s",
				  types[i].word);
	}
	probe_ok(p, "file systems", "%s", text_get(&there));
}

/*
 * A tmpfs made, mounted detached, sealed and attached, all by descriptor: the way every mount of
 * a container goes. In a mount namespace of the child's own.
 */
static int mount_by_descriptor(void *unused)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };

	(void)unused;
	if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	auto_fd int context = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	auto_fd int tree = fsmount(context, FSMOUNT_CLOEXEC, 0);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)))
		return -1;
	return move_mount(tree, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH);
}

static void probe_interface(struct probe *p)
{
	int code = probe_in_child(mount_by_descriptor, NULL);

	if (code)
		probe_not(p, PROBE_BAD, "mounting",
			  "run as root, outside of other containers, on Linux 5.14 or newer",
			  "mounting by descriptor: %s", err_errno_text(code));
	else
		probe_ok(p, "mounting", "by descriptor, with recursive attributes");
}

static bool is_type(const char *path, unsigned long magic)
{
	struct statfs st;

	return statfs(path, &st) == 0 && (unsigned long)st.f_type == magic;
}

/* pivot_root(2) cannot leave the initial ramdisk. */
static void probe_place(struct probe *p)
{
	if (is_type("/", RAMFS_MAGIC))
		probe_not(p, PROBE_NOTE, "root", "give --no-pivot to create and run",
			  "this system runs from its initial ramdisk");
	if (access("/run", W_OK))
		probe_not(p, PROBE_NOTE, "state directory", "give --root a directory that is yours",
			  "/run cannot be written to: %s", err_errno_text(errno));
	else if (!is_type("/run", TMPFS_MAGIC))
		probe_not(p, PROBE_NOTE, "state directory",
			  "mount a tmpfs on /run, or give --root a directory that a reboot empties",
			  "/run is not a tmpfs: what it holds outlives the containers");
	else
		probe_ok(p, "state directory", "/run is a tmpfs");
}

void probe_mounts(struct probe *p)
{
	probe_types(p);
	probe_interface(p);
	probe_place(p);
}
