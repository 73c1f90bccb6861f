/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row for each word. PURE.
 */
#include "oci/mount_options.h"

#include <stddef.h>
#include <string.h>
#include <sys/mount.h>

#include "base/text.h"
#include "orlop/auto.h"

enum effect {
	NOTHING,	/* is accepted, and there is nothing to do */
	SET,		/* attr is set */
	CLEAR,		/* attr is cleared */
	ATIME,		/* attr is the access time mode */
	NOT_ATIME,	/* attr is an access time mode that is no longer asked for */
	PROPAGATION,	/* attr is the propagation type */
	SUPERBLOCK,	/* only concerns the superblock */
	OURS,		/* attr is the offset of a bool that becomes true */
};

struct option {
	const char *word;
	enum effect effect;
	bool recursive;
	uint64_t attr;
	uint64_t superblock;	/* MS_*: the word is for fsconfig too, and speaks of this flag */
};

#define OUR_BOOL(field) OURS, false, offsetof(struct mount_options, field)

/*
 * In alphabetical order, as the features document lists them.
 *
 * An access time mode is one of three: relatime (the kernel's default since 2.6.30), noatime,
 * strictatime. Saying the opposite of one takes that back and asks for nothing, which is what
 * mount(2) does too: a new file system has the default then, a bind what its source has.
 * nodiratime is a flag of its own.
 *
 * iversion and noiversion have no word of fsconfig(2): a file system that keeps change counters
 * does so unasked since Linux 6.1. silent and loud are about messages of mount(2). auto, noauto,
 * nouser and _netdev are what mount(8) takes from fstab and keeps for itself.
 */
static const struct option options[] = {
	{ "_netdev", NOTHING },
	{ "async", SUPERBLOCK, .superblock = MS_SYNCHRONOUS },
	{ "atime", NOT_ATIME, false, MOUNT_ATTR_NOATIME },
	{ "auto", NOTHING },
	{ "bind", OUR_BOOL(bind) },
	{ "copy-symlink", OUR_BOOL(copy_symlink) },
	{ "defaults", NOTHING },
	{ "dev", CLEAR, false, MOUNT_ATTR_NODEV },
	{ "diratime", CLEAR, false, MOUNT_ATTR_NODIRATIME },
	{ "dirsync", SUPERBLOCK, .superblock = MS_DIRSYNC },
	{ "exec", CLEAR, false, MOUNT_ATTR_NOEXEC },
	{ "idmap", OUR_BOOL(idmap) },
	{ "iversion", NOTHING },
	{ "lazytime", SUPERBLOCK, .superblock = MS_LAZYTIME },
	{ "loud", NOTHING },
	{ "mand", SUPERBLOCK, .superblock = MS_MANDLOCK },
	{ "noatime", ATIME, false, MOUNT_ATTR_NOATIME },
	{ "noauto", NOTHING },
	{ "nodev", SET, false, MOUNT_ATTR_NODEV },
	{ "nodiratime", SET, false, MOUNT_ATTR_NODIRATIME },
	{ "noexec", SET, false, MOUNT_ATTR_NOEXEC },
	{ "noiversion", NOTHING },
	{ "nolazytime", SUPERBLOCK, .superblock = MS_LAZYTIME },
	{ "nomand", SUPERBLOCK, .superblock = MS_MANDLOCK },
	{ "norelatime", NOT_ATIME, false, MOUNT_ATTR_RELATIME },
	{ "nostrictatime", NOT_ATIME, false, MOUNT_ATTR_STRICTATIME },
	{ "nosuid", SET, false, MOUNT_ATTR_NOSUID },
	{ "nosymfollow", SET, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "nouser", NOTHING },
	{ "private", PROPAGATION, false, MS_PRIVATE },
	{ "ratime", ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rbind", OUR_BOOL(bind_recursive) },
	{ "rdev", CLEAR, true, MOUNT_ATTR_NODEV },
	{ "rdiratime", CLEAR, true, MOUNT_ATTR_NODIRATIME },
	{ "relatime", ATIME, false, MOUNT_ATTR_RELATIME },
	{ "remount", OUR_BOOL(remount) },
	{ "rexec", CLEAR, true, MOUNT_ATTR_NOEXEC },
	{ "ridmap", OUR_BOOL(idmap_recursive) },
	{ "rnoatime", ATIME, true, MOUNT_ATTR_NOATIME },
	{ "rnodev", SET, true, MOUNT_ATTR_NODEV },
	{ "rnodiratime", SET, true, MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", SET, true, MOUNT_ATTR_NOEXEC },
	{ "rnorelatime", NOTHING },
	{ "rnostrictatime", ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rnosuid", SET, true, MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", SET, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", SET, false, MOUNT_ATTR_RDONLY, MS_RDONLY },
	{ "rprivate", PROPAGATION, true, MS_PRIVATE },
	{ "rrelatime", ATIME, true, MOUNT_ATTR_RELATIME },
	{ "rro", SET, true, MOUNT_ATTR_RDONLY },
	{ "rrw", CLEAR, true, MOUNT_ATTR_RDONLY },
	{ "rshared", PROPAGATION, true, MS_SHARED },
	{ "rslave", PROPAGATION, true, MS_SLAVE },
	{ "rstrictatime", ATIME, true, MOUNT_ATTR_STRICTATIME },
	{ "rsuid", CLEAR, true, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", PROPAGATION, true, MS_UNBINDABLE },
	{ "rw", CLEAR, false, MOUNT_ATTR_RDONLY, MS_RDONLY },
	{ "shared", PROPAGATION, false, MS_SHARED },
	{ "silent", NOTHING },
	{ "slave", PROPAGATION, false, MS_SLAVE },
	{ "strictatime", ATIME, false, MOUNT_ATTR_STRICTATIME },
	{ "suid", CLEAR, false, MOUNT_ATTR_NOSUID },
	{ "symfollow", CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", SUPERBLOCK, .superblock = MS_SYNCHRONOUS },
	{ "tmpcopyup", OUR_BOOL(tmpcopyup) },
	{ "unbindable", PROPAGATION, false, MS_UNBINDABLE },
};

const char *mount_options_word(size_t index)
{
	return index < ARRAY_LEN(options) ? options[index].word : NULL;
}

static const struct option *find(const char *word)
{
	size_t low = 0, high = ARRAY_LEN(options);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(word, options[middle].word);

		if (order == 0)
			return &options[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* Puts the word into the list, in place of an earlier one about the same flag. */
static void set_superblock(struct str_list *list, char *word, uint64_t flag)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (find(list->items[i])->superblock != flag)
			list->items[kept++] = list->items[i];
	list->items[kept++] = word;
	list->count = kept;
}

/* What a recursive word says about the mount itself too is taken out of its own masks. */
static void forget(struct mount_options *o, uint64_t attr)
{
	o->attr_set &= ~attr;
	o->attr_clear &= ~attr;
}

static void apply(struct mount_options *o, const struct option *option, char *word)
{
	uint64_t *set = option->recursive ? &o->rec_set : &o->attr_set;
	uint64_t *clear = option->recursive ? &o->rec_clear : &o->attr_clear;
	uint64_t mask = option->effect == ATIME ? MOUNT_ATTR__ATIME : option->attr;

	if (option->recursive && option->effect != PROPAGATION)
		forget(o, mask);
	switch (option->effect) {
	case NOTHING:
	case SUPERBLOCK:
		break;
	case SET:
		*set |= mask;
		*clear &= ~mask;
		break;
	case CLEAR:
		*set &= ~mask;
		*clear |= mask;
		break;
	case ATIME:
		*set = (*set & ~mask) | option->attr;
		*clear |= mask;
		break;
	case NOT_ATIME:
		if (!(*clear & MOUNT_ATTR__ATIME) || (*set & MOUNT_ATTR__ATIME) != option->attr)
			break;
		*set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		*clear &= ~(uint64_t)MOUNT_ATTR__ATIME;
		break;
	case PROPAGATION:
		o->propagation = option->attr;
		o->propagation_recursive = option->recursive;
		break;
	case OURS:
		/* "idmap" after "ridmap" is about the mount alone; rbind is not undone by bind. */
		if (option->attr == offsetof(struct mount_options, idmap))
			o->idmap_recursive = false;
		*(bool *)((char *)o + option->attr) = true;
		break;
	}
	if (option->effect == SET || option->effect == CLEAR || option->effect == ATIME ||
	    option->effect == NOT_ATIME)
		o->attr_said |= !option->recursive;
	if (option->superblock)
		set_superblock(&o->superblock, word, option->superblock);
}

int mount_options_read(const struct str_list *words, struct arena *a, struct mount_options *ret,
		       struct err *e)
{
	struct mount_options o = { 0 };

	o.superblock.items = arena_new_array(a, char *, words->count);
	o.data.items = arena_new_array(a, char *, words->count);
	for (size_t i = 0; i < words->count; i++) {
		char *word = words->items[i];
		const struct option *option = find(word);

		if (option)
			apply(&o, option, word);
		else if (*word == '=')
			return err_set(e, ERR_CONFIG, "the option %s has no name",
				       text_quote(a, word, 60));
		else if (*word)
			o.data.items[o.data.count++] = word;
	}
	o.bind |= o.bind_recursive;
	o.idmap |= o.idmap_recursive;
	*ret = o;
	return 0;
}
