/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a set of evidence in a tar, and as a manifest: "changed" or "unchanged" with no more
 * said than there is room for; a manifest that is read is written as it was read, leads nowhere out
 * of the set, and has one root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard/manifest.h"
#include "orlop/evidence.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static bool is_inside(const char *path)
{
	return path[0] && path[0] != '/' && strncmp(path, "../", 3) != 0 && !strstr(path, "/../") &&
	       strcmp(path, "..") != 0 && strcmp(path, ".") != 0;
}

static void as_manifest(const unsigned char *bytes, size_t len)
{
	struct arena a = ARENA_NONE;
	struct manifest m, again;
	char root[SHA256_HEX_SIZE], root_again[SHA256_HEX_SIZE];
	const char *text;
	struct err e;

	if (manifest_read((const char *)bytes, len, &a, &m, &e) < 0) {
		must(e.text[0]);
	} else {
		for (size_t i = 0; i < m.rows.count; i++)
			must(is_inside(m.rows.items[i].path) &&
			     manifest_find(&m, m.rows.items[i].path));
		manifest_root(&m, &a, root);
		text = manifest_text(&m, &a);
		must(manifest_read(text, strlen(text), &a, &again, &e) == 0);
		manifest_root(&again, &a, root_again);
		must(strcmp(root, root_again) == 0 && strcmp(again.root, root) == 0);
	}
	arena_free(&a);
}

static void as_tar(const unsigned char *bytes, size_t len)
{
	static int fd = -1;
	struct arena a = ARENA_NONE;
	struct evidence_check check;
	char path[32];
	struct err e;
	int code;

	if (fd < 0)
		fd = memfd_create("set", MFD_CLOEXEC);
	must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	code = evidence_verify(path, &a, &check, &e);
	must(code == 0 || code == EVIDENCE_DIFFERS || (code < 0 && e.text[0]));
	must(code < 0 || (code == 0) == (check.differences.count == 0));
	must(code != 0 || check.files >= 2);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	as_manifest(bytes, len);
	as_tar(bytes, len);
	return 0;
}
