/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sys.h"
#include "engine/id_maps.h"
#include "orlop/auto.h"

/*
 * A user namespace with the given maps, as a descriptor: made by a process that exists for
 * nothing else and is killed as soon as its namespace is held.
 */
static int user_namespace(const struct id_map_list *uids, const struct id_map_list *gids,
			  int procfs, struct err *e)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	pid_t pid = sys_clone3(&args);
	auto_fd int fd = -1;
	char path[32];

	if (pid < 0)
		return err_sys(e, "user namespace for an id-mapped mount");
	if (pid == 0)
		for (;;)
			poll(NULL, 0, -1);
	if (id_maps_write(&(struct id_maps){ .uids = uids, .gids = gids }, procfs, pid, e) == 0) {
		snprintf(path, sizeof(path), "%d/ns/user", (int)pid);
		fd = openat(procfs, path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			err_sys(e, "user namespace for an id-mapped mount");
	}
	kill(pid, SIGKILL);		/* our own child, not reaped yet: the pid is its */
	waitpid(pid, NULL, 0);
	return take_fd(&fd);
}

int source_map(int tree, const struct plan *plan, const struct plan_mount *mount, int procfs,
	       int container_ns, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	auto_fd int made = -1;
	int ns = container_ns;

	if (mount->idmap == PLAN_IDMAP_NONE)
		return 0;
	if (mount->idmap == PLAN_IDMAP_OWN) {
		made = ns = user_namespace(&mount->uid_maps, &mount->gid_maps, procfs, e);
	} else if (ns < 0) {
		made = ns = user_namespace(&plan->uid_maps, &plan->gid_maps, procfs, e);
	}
	if (ns < 0)
		return -1;
	attr.userns_fd = (uint64_t)ns;
	if (mount_setattr(tree, "", AT_EMPTY_PATH | (mount->idmap_recursive ? AT_RECURSIVE : 0),
			  &attr, sizeof(attr)) == 0)
		return 0;
	err_sys(e, "map the ids of %s", mount->source);
	if (errno == EINVAL)
		err_hint(e, "its file system may not support id-mapped mounts");
	return -1;
}

int source_open(const struct plan *plan, const struct plan_mount *mount, int procfs,
		int container_ns, struct err *e)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };
	int nofollow = mount->copy_link ? O_NOFOLLOW : 0;
	auto_fd int place = open(mount->source, O_PATH | O_CLOEXEC | nofollow);
	auto_fd int tree = -1;

	if (place < 0)
		return err_sys(e, "open %s", mount->source);
	tree = open_tree(place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
					    (mount->recursive ? AT_RECURSIVE : 0));
	if (tree < 0)
		return err_sys(e, "clone the mount of %s", mount->source);
	if (source_map(tree, plan, mount, procfs, container_ns, e) < 0)
		return -1;
	/* As a clone made in the container's mount namespace would be: the host's slave. */
	if ((plan->rootfs_propagation & MS_SHARED) == 0 &&
	    mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave, sizeof(slave)) < 0)
		return err_sys(e, "mount propagation of %s", mount->source);
	return take_fd(&tree);
}
