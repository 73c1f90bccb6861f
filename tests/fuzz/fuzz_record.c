/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as state.json: refused with a sentence, or a record that nobody is led astray by, and
 * that is the same after it was written and read again.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orlop/state.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static char dir_path[] = "/tmp/orlop-fuzz-record-XXXXXX";

static void remove_dir(void)
{
	if (chdir(dir_path) == 0 && unlink("state.json") == 0)
		rmdir(dir_path);
}

static int make_dir(void)
{
	must(mkdtemp(dir_path) && atexit(remove_dir) == 0);
	return open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void write_file(int dir, const unsigned char *bytes, size_t len)
{
	int fd = openat(dir, "state.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static bool is_inside(const char *path)
{
	return !strstr(path, "/../") && !strstr(path, "//") && strcmp(path, "/") != 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	static int dir = -1;
	struct state_record r = { 0 }, again = { 0 };
	struct arena a = ARENA_NONE;
	struct err e = { 0 };

	if (dir < 0)
		dir = make_dir();
	write_file(dir, bytes, len);
	if (state_load(dir, &a, &r, &e) != 0) {
		must(e.kind == ERR_STATE && e.text[0]);
	} else {
		must(r.pid > 0 && r.version == 1 && state_id_valid(r.id) && r.bundle[0] == '/');
		must(is_inside(r.cgroup) && is_inside(r.cgroup_mount));
		must(state_store(dir, &r, &e) == 0 && state_load(dir, &a, &again, &e) == 0);
		must(strcmp(r.id, again.id) == 0 && strcmp(r.bundle, again.bundle) == 0);
		must(r.pid == again.pid && r.pid_start == again.pid_start);
		must(r.annotations.count == again.annotations.count);
	}
	arena_free(&a);
	return 0;
}
