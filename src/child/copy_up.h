/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. tmpcopyup: what the image has in a directory, copied into the file system that will
 * cover it. Runs before the mount is attached, so nothing of the container watches.
 */
#pragma once

/*
 * Copies directories, files, links and device nodes with owner, mode and times; `to` itself keeps
 * what it was made with. Never leaves `from` and follows no link. 0 or a negative errno;
 * -CHILD_E_TOO_DEEP beyond 64 levels.
 */
int copy_up(int from, int to);
