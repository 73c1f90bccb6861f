/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a message of criu's, and as its log: no answer, or one whose texts end; a cause that
 * is in the log.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/criu.h"
#include "engine/criu_message.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static char dir_path[] = "/tmp/orlop-fuzz-criu-XXXXXX";

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void remove_dir(void)
{
	if (chdir(dir_path) == 0 && unlink("log") == 0)
		rmdir(dir_path);
}

static void as_log(const unsigned char *bytes, size_t len)
{
	static int dir = -1, fd = -1;
	struct arena a = ARENA_NONE;
	const char *cause;

	if (dir < 0) {
		must(mkdtemp(dir_path) && atexit(remove_dir) == 0);
		dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd = openat(dir, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len);
	cause = criu_log_cause(dir, "log", &a);
	must(!cause || (*cause && !strchr(cause, '\n') &&
			memmem(bytes, len, cause, strlen(cause))));
	arena_free(&a);
}

static void as_message(const unsigned char *bytes, size_t len)
{
	/* A copy without a byte to spare, so that the sanitizer sees the end. */
	unsigned char *exact = malloc(len ? len : 1);
	struct arena a = ARENA_NONE;
	struct criu_answer r;

	must(exact);
	memcpy(exact, bytes, len);
	if (criu_message_read((struct wire){ exact, exact + len }, &a, &r)) {
		must(!r.message || strlen(r.message) <= len);
		must(!r.script || strlen(r.script) <= len);
	}
	arena_free(&a);
	free(exact);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	as_message(bytes, len);
	as_log(bytes, len);
	return 0;
}
