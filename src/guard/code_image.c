/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. A file of the container's root is the image's unless the overlay's upper directory
 * has another: every file that was written or added is there under the same path. Where the root
 * is no overlay, a file is the image's when its ctime, which nobody in the container can set, is
 * from before the container was made.
 *
 * Only the overlay at the container's root is asked that way: the options of any other may have
 * been written by the container, and would lead us where it pleases.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/code.h"
#include "orlop/auto.h"

enum {
	MOUNTINFO_MAX = 16 * 1024 * 1024,
	SENTENCES_MAX = 64,
	FINDINGS_FIRST = 16, FINDINGS_MAX = 4096,
};

void code_find(struct arena *a, struct drift *d, const struct drift_finding *f)
{
	size_t count = d->findings.count;

	if (count == FINDINGS_MAX) {
		d->more++;
		return;
	}
	/* Room doubles whenever the count is a power of two. */
	if (count == 0 || (count >= FINDINGS_FIRST && (count & (count - 1)) == 0)) {
		struct drift_finding *items = arena_new_array(a, struct drift_finding,
							      count ? 2 * count : FINDINGS_FIRST);

		if (count)
			memcpy(items, d->findings.items, count * sizeof(*items));
		d->findings.items = items;
	}
	d->findings.items[d->findings.count++] = *f;
}

void code_tell(struct arena *a, struct str_list *list, const char *format, ...)
{
	char text[512];
	va_list ap;

	if (list->count == SENTENCES_MAX)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!list->items)
		list->items = arena_new_array(a, char *, SENTENCES_MAX);
	list->items[list->count++] = arena_strdup(a, text);
}

uint64_t code_device(const struct statx *st)
{
	return makedev(st->stx_dev_major, st->stx_dev_minor);
}

bool code_in_memory(const struct code_image *image, const struct statx *st)
{
	uint64_t device = code_device(st);

	for (size_t i = 0; i < image->memory_count; i++)
		if (image->memory[i] == device)
			return true;
	return false;
}

/* Each size of pages has a file system of its own; of memory without a name, too. */
static void learn_memory(struct code_image *image)
{
	static const unsigned int sizes[MEMORY_DEVICES_MAX] = { 0, MFD_HUGETLB | MFD_HUGE_64KB,
		MFD_HUGETLB | MFD_HUGE_2MB, MFD_HUGETLB | MFD_HUGE_32MB,
		MFD_HUGETLB | MFD_HUGE_512MB, MFD_HUGETLB | MFD_HUGE_1GB };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		auto_fd int fd = memfd_create("orlop:device", MFD_CLOEXEC | sizes[i]);
		struct statx st;

		if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) == 0)
			image->memory[image->memory_count++] = code_device(&st);
	}
}

struct mounts code_mounts(int proc, struct arena *a)
{
	auto_fd int fd = openat(proc, "mountinfo", O_RDONLY | O_CLOEXEC);

	return mounts_read(fd < 0 ? NULL : fd_read_text(fd, MOUNTINFO_MAX, a, NULL), a);
}

void code_namespace(int proc, char *ret, size_t size)
{
	ssize_t len = readlinkat(proc, "ns/mnt", ret, size - 1);

	ret[len > 0 ? len : 0] = '\0';
}

void code_image_close(struct code_image *image)
{
	auto_close_fd(&image->upper);
}

static void learn_overlay(struct code_image *image, struct drift *d)
{
	const char *upper = mounts_upper(image->root, image->arena);

	if (!upper)		/* nothing can be written to it */
		return;
	mounts_lowers(image->root, image->arena, &image->lowers);
	image->copies = code_copies_new(image->arena);
	if (*upper == '/')
		image->upper = open(upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
	else
		errno = ENOENT;	/* named from a directory that nobody knows any more */
	if (image->upper < 0)
		code_tell(image->arena, &d->untold, "the overlay's upper directory \"%.300s\": %s: "
			  "changed files of the root cannot be told", upper, err_errno_text(errno));
}

void code_image_learn_host(struct code_image *image)
{
	learn_memory(image);
	if (statx(AT_FDCWD, "/proc/self/exe", AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &image->own) < 0)
		image->own = (struct statx){ 0 };
}

void code_image_learn(struct code_image *image, int proc, const char *created, struct drift *d)
{
	struct arena *a = image->arena;

	code_image_learn_host(image);
	image->known = code_known_new(a);
	code_namespace(proc, image->namespace, sizeof(image->namespace));
	image->mounts = code_mounts(proc, a);
	image->root = mounts_at(&image->mounts, "/");
	image->created = created ? code_time(created) : 0;
	if (!image->root) {
		code_tell(a, &d->untold, "the container's root is not in its table of mounts: what "
			  "is the image's cannot be told");
		return;
	}
	/* One that shows a part of another overlay was not made for the container. */
	image->overlay = strcmp(image->root->type, "overlay") == 0 &&
			 strcmp(image->root->root, "/") == 0;
	if (image->overlay) {
		learn_overlay(image, d);
	} else if (!image->root->readonly && !image->created) {
		code_tell(a, &d->untold, "the root (%s) is not an overlay of its own and the time of "
			  "creation is not known: changed files of it cannot be told",
			  image->root->type);
	} else if (!image->root->readonly) {
		code_tell(a, &d->limits, "the root (%s) is not an overlay of its own: a file counts as "
			  "changed when its ctime is later than the container's creation; what was "
			  "changed before, or while the clock was set back, is not seen, and what "
			  "nobody runs neither",
			  image->root->type);
	}
}

uint64_t code_time(const char *text)
{
	long long year, month, day, hour, minute, second, days;
	char fraction[10] = "";
	uint64_t ns = 0;

	if (sscanf(text, "%4lld-%2lld-%2lldT%2lld:%2lld:%2lld.%9[0-9]", &year, &month, &day, &hour,
		   &minute, &second, fraction) < 6 || text[strlen(text) - 1] != 'Z' ||
	    year < 1970 || month < 1 || month > 12)
		return 0;
	for (int i = 0; i < 9; i++)
		ns = 10 * ns + (i < (int)strlen(fraction) ? (uint64_t)(fraction[i] - '0') : 0);
	/* Years begin in March, so that a leap day is the last of one. */
	year -= month <= 2;
	days = 365 * year + year / 4 - year / 100 + year / 400 +
	       (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
	return (uint64_t)(((days * 24 + hour) * 60 + minute) * 60 + second) * UINT64_C(1000000000) +
	       ns;
}
