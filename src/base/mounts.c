/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of mountinfo, see proc(5):
 *
 *	id parent device root point options tags... - type source options
 *
 * A container with its own mount namespace writes what stands in most of them.
 */
#include "base/mounts.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "orlop/auto.h"

enum { TABLE_MAX = 64 << 20 };

bool mounts_is_local(const char *type)
{
	static const char *const local[] = { "overlay", "tmpfs", "ramfs", "ext2", "ext3", "ext4",
		"xfs", "btrfs", "f2fs", "erofs", "squashfs", "zfs", "bcachefs", "vfat", "iso9660",
		"proc", "sysfs", "devtmpfs", "devpts", "mqueue", "cgroup2", "cgroup", "hugetlbfs" };

	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		if (strcmp(type, local[i]) == 0)
			return true;
	return false;
}

/* \040 and its like, in place. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
			*out++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 +
					(text[3] - '0'));
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

/* "ro" is the first word of the options where it holds. */
static bool is_readonly(const char *options)
{
	return strcmp(options, "ro") == 0 || strncmp(options, "ro,", 3) == 0;
}

static bool read_mount(char *line, struct mount *ret)
{
	enum { ID, PARENT, DEVICE, ROOT, POINT, OPTIONS, TAGS };
	bool after = false;
	char *word;

	*ret = (struct mount){ 0 };
	/* Words may be empty: a source is what whoever mounted wrote there. */
	for (int i = ID; (word = strsep(&line, " ")); i++) {
		if (i == ID)
			ret->id = strtol(word, NULL, 10);
		if (i == ROOT || i == POINT)
			unescape(word);
		if (i == DEVICE)
			ret->device = word;
		if (i == ROOT)
			ret->root = word;
		if (i == POINT)
			ret->point = word;
		if (i == OPTIONS)
			ret->readonly = is_readonly(word);
		if (after) {
			ret->type = word;
			strsep(&line, " ");
			ret->options = strsep(&line, " ");
			if (ret->options && is_readonly(ret->options))
				ret->readonly = true;
			return ret->point && ret->options;
		}
		after = strcmp(word, "-") == 0 && i >= TAGS;
	}
	return false;
}

struct mounts mounts_read(char *text, struct arena *a)
{
	struct mounts ret = { 0 };
	size_t lines = 1;
	char *next;

	for (const char *at = text; at && (at = strchr(at, '\n')); at++)
		lines++;
	ret.items = arena_new_array(a, struct mount, lines);
	for (char *line = text; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (read_mount(line, &ret.items[ret.count]))
			ret.count++;
	}
	return ret;
}

int mounts_of(pid_t pid, struct arena *a, struct mounts *ret, struct err *e)
{
	const char *path = pid ? arena_printf(a, "/proc/%d/mountinfo", (int)pid) :
				 "/proc/self/mountinfo";
	char *text = file_read_path(path, TABLE_MAX, a, NULL);

	if (!text)
		return err_sys(e, "%s", path);
	*ret = mounts_read(text, a);
	return 0;
}

const struct mount *mounts_find(const struct mounts *mounts, long id)
{
	for (size_t i = 0; i < mounts->count; i++)
		if (mounts->items[i].id == id)
			return &mounts->items[i];
	return NULL;
}

const struct mount *mounts_at(const struct mounts *mounts, const char *point)
{
	const struct mount *found = NULL;

	for (size_t i = 0; i < mounts->count; i++)
		if (strcmp(mounts->items[i].point, point) == 0)
			found = &mounts->items[i];
	return found;
}

/* The value of the next option with a name, from *at on, as the table has it; or NULL. */
static char *next_value(const char **at, const char *name, struct arena *a)
{
	size_t name_len = strlen(name);

	while (*at) {
		const char *word = *at;
		size_t len = strcspn(word, ",");

		*at = word[len] ? word + len + 1 : NULL;
		if (strncmp(word, name, name_len) == 0) {
			char *value = arena_strndup(a, word + name_len, len - name_len);

			unescape(value);
			return value;
		}
	}
	return NULL;
}

/* Takes away backslashes that the overlay was given, up to a mark; gives what is behind it. */
static char *strip(char *text, char mark)
{
	char *out = text, *c = text, *behind;

	for (; *c && *c != mark; c++) {
		if (*c == '\\' && c[1])
			c++;
		*out++ = *c;
	}
	behind = *c ? c + 1 : NULL;
	*out = '\0';
	return behind;
}

/* Two layers of escapes: the table's own, and those that the overlay was given with the name. */
const char *mounts_upper(const struct mount *overlay, struct arena *a)
{
	const char *at = overlay->options;
	char *value = next_value(&at, "upperdir=", a);

	if (value)
		strip(value, '\0');
	return value;
}

void mounts_lowers(const struct mount *overlay, struct arena *a, struct str_list *ret)
{
	const char *at = overlay->options;
	char *value = next_value(&at, "lowerdir=", a), *next;
	size_t most = 1;

	for (const char *c = overlay->options; *c; c++)
		most += *c == ',' || *c == ':';
	*ret = (struct str_list){ arena_new_array(a, char *, most), 0 };
	/* An empty name: those behind it are for data. */
	for (; value && *value && *value != ':'; value = next) {
		next = strip(value, ':');
		ret->items[ret->count++] = value;
	}
	at = overlay->options;
	while ((value = next_value(&at, "lowerdir+=", a)))
		ret->items[ret->count++] = value;
}
