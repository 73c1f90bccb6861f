/* SPDX-License-Identifier: Apache-2.0 */
/* What every word of mounts[].options means, alone and after others. */
#include "oci/mount_options.h"

#include <sys/mount.h>

#include "base/text.h"
#include "check.h"
#include "orlop/auto.h"

/* "ro nosuid" as a list. */
static struct str_list split(struct arena *a, const char *words)
{
	struct str_list list = { arena_new_array(a, char *, strlen(words) + 1), 0 };
	char *save, *copy = arena_strdup(a, words);

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		list.items[list.count++] = w;
	return list;
}

static const char *join(struct arena *a, const struct str_list *list)
{
	struct text t = TEXT_IN(a);

	for (size_t i = 0; i < list->count; i++)
		text_printf(&t, "%s%s", i ? " " : "", list->items[i]);
	return text_get(&t);
}

#define RO MOUNT_ATTR_RDONLY
#define SUID MOUNT_ATTR_NOSUID
#define DEV MOUNT_ATTR_NODEV
#define EXEC MOUNT_ATTR_NOEXEC
#define LINK MOUNT_ATTR_NOSYMFOLLOW
#define NOA MOUNT_ATTR_NOATIME
#define STRICT MOUNT_ATTR_STRICTATIME
#define DIRA MOUNT_ATTR_NODIRATIME
#define MODE MOUNT_ATTR__ATIME

static const struct {
	const char *words;
	uint64_t attr_set, attr_clear, rec_set, rec_clear;
	const char *superblock, *data;
} attributes[] = {
	{ "", 0, 0, 0, 0, "", "" },
	{ "defaults", 0, 0, 0, 0, "", "" },
	{ "ro", RO, 0, 0, 0, "ro", "" },
	{ "ro rw", 0, RO, 0, 0, "rw", "" },
	{ "rw ro", RO, 0, 0, 0, "ro", "" },
	{ "nosuid nodev noexec", SUID | DEV | EXEC, 0, 0, 0, "", "" },
	{ "nosuid suid", 0, SUID, 0, 0, "", "" },
	{ "ro rw nosuid suid", 0, RO | SUID, 0, 0, "rw", "" },
	{ "nodev dev noexec exec nosymfollow symfollow nodiratime diratime",
	  0, DEV | EXEC | LINK | DIRA, 0, 0, "", "" },
	{ "dev nodev", DEV, 0, 0, 0, "", "" },
	/* one of three modes, and the mask without which the kernel says EINVAL */
	{ "noatime", NOA, MODE, 0, 0, "", "" },
	{ "strictatime", STRICT, MODE, 0, 0, "", "" },
	{ "relatime", 0, MODE, 0, 0, "", "" },
	{ "noatime strictatime", STRICT, MODE, 0, 0, "", "" },
	{ "noatime atime", 0, 0, 0, 0, "", "" },
	{ "atime", 0, 0, 0, 0, "", "" },
	{ "strictatime atime", STRICT, MODE, 0, 0, "", "" },
	{ "strictatime nostrictatime", 0, 0, 0, 0, "", "" },
	{ "relatime norelatime", 0, 0, 0, 0, "", "" },
	{ "norelatime", 0, 0, 0, 0, "", "" },
	{ "nodiratime noatime", DIRA | NOA, MODE, 0, 0, "", "" },
	{ "noatime nodiratime diratime", NOA, MODE | DIRA, 0, 0, "", "" },
	/* recursive */
	{ "rro", 0, 0, RO, 0, "", "" },
	{ "rro rnosuid rnodev rnoexec rnosymfollow rnodiratime", 0, 0,
	  RO | SUID | DEV | EXEC | LINK | DIRA, 0, "", "" },
	{ "rrw rsuid rdev rexec rsymfollow rdiratime", 0, 0, 0,
	  RO | SUID | DEV | EXEC | LINK | DIRA, "", "" },
	{ "rnoatime", 0, 0, NOA, MODE, "", "" },
	{ "rnoatime rstrictatime", 0, 0, STRICT, MODE, "", "" },
	{ "ratime", 0, 0, 0, MODE, "", "" },
	{ "rrelatime", 0, 0, 0, MODE, "", "" },
	{ "rnostrictatime", 0, 0, 0, MODE, "", "" },
	{ "rnorelatime", 0, 0, 0, 0, "", "" },
	/* between the mount and what is below it: the recursive ones are applied first */
	{ "rro rw", 0, RO, RO, 0, "rw", "" },
	{ "ro rrw", 0, 0, 0, RO, "ro", "" },
	{ "noatime rrelatime", 0, 0, 0, MODE, "", "" },
	{ "rnoatime strictatime", STRICT, MODE, NOA, MODE, "", "" },
	/* the superblock's */
	{ "sync dirsync lazytime mand", 0, 0, 0, 0, "sync dirsync lazytime mand", "" },
	{ "sync async lazytime nolazytime mand nomand", 0, 0, 0, 0, "async nolazytime nomand", "" },
	{ "sync sync ro sync", RO, 0, 0, 0, "ro sync", "" },
	{ "iversion noiversion silent loud auto noauto nouser _netdev", 0, 0, 0, 0, "", "" },
	/* the file system's */
	{ "mode=755 ro size=65536k newinstance Ro acl", RO, 0, 0, 0, "ro",
	  "mode=755 size=65536k newinstance Ro acl" },
	{ "ro=1 mode=700 mode=755", 0, 0, 0, 0, "", "ro=1 mode=700 mode=755" },
};

static void check_attributes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		auto_arena a = ARENA_NONE;
		struct str_list words = split(&a, attributes[i].words);
		struct mount_options o;
		struct err e = { 0 };

		CHECK(mount_options_read(&words, &a, &o, &e) == 0, "%s", e.text);
		CHECK(o.attr_set == attributes[i].attr_set, "%s", attributes[i].words);
		CHECK(o.attr_clear == attributes[i].attr_clear, "%s", attributes[i].words);
		CHECK(o.rec_set == attributes[i].rec_set, "%s", attributes[i].words);
		CHECK(o.rec_clear == attributes[i].rec_clear, "%s", attributes[i].words);
		CHECK_STR(join(&a, &o.superblock), attributes[i].superblock);
		CHECK_STR(join(&a, &o.data), attributes[i].data);
		CHECK(!o.bind && !o.remount && !o.tmpcopyup && !o.idmap && !o.propagation, "%s",
		      attributes[i].words);
	}
}

static const struct {
	const char *words;
	uint64_t propagation;
	bool recursive;
} propagations[] = {
	{ "private", MS_PRIVATE, false },
	{ "rprivate", MS_PRIVATE, true },
	{ "shared", MS_SHARED, false },
	{ "rshared", MS_SHARED, true },
	{ "slave", MS_SLAVE, false },
	{ "rslave", MS_SLAVE, true },
	{ "unbindable", MS_UNBINDABLE, false },
	{ "runbindable", MS_UNBINDABLE, true },
	{ "rprivate shared", MS_SHARED, false },
	{ "shared rslave", MS_SLAVE, true },
};

static void check_propagation(void)
{
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		auto_arena a = ARENA_NONE;
		struct str_list words = split(&a, propagations[i].words);
		struct mount_options o;
		struct err e = { 0 };

		CHECK(mount_options_read(&words, &a, &o, &e) == 0);
		CHECK(o.propagation == propagations[i].propagation, "%s", propagations[i].words);
		CHECK(o.propagation_recursive == propagations[i].recursive);
		CHECK(!o.attr_set && !o.attr_clear && !o.rec_set && !o.rec_clear);
	}
}

static const struct {
	const char *words;
	bool bind, bind_recursive, remount, tmpcopyup, idmap, idmap_recursive, copy_symlink;
} ours[] = {
	{ "bind", true },
	{ "rbind", true, true },
	{ "bind rbind", true, true },
	{ "rbind bind", true, true },
	{ "remount bind", true, .remount = true },
	{ "tmpcopyup", .tmpcopyup = true },
	{ "idmap", .idmap = true },
	{ "ridmap", .idmap = true, .idmap_recursive = true },
	{ "idmap ridmap", .idmap = true, .idmap_recursive = true },
	{ "ridmap idmap", .idmap = true },
	{ "copy-symlink bind", true, .copy_symlink = true },
};

static void check_ours(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		auto_arena a = ARENA_NONE;
		struct str_list words = split(&a, ours[i].words);
		struct mount_options o;
		struct err e = { 0 };

		CHECK(mount_options_read(&words, &a, &o, &e) == 0);
		CHECK(o.bind == ours[i].bind && o.bind_recursive == ours[i].bind_recursive, "%s",
		      ours[i].words);
		CHECK(o.remount == ours[i].remount && o.tmpcopyup == ours[i].tmpcopyup, "%s",
		      ours[i].words);
		CHECK(o.idmap == ours[i].idmap, "%s", ours[i].words);
		CHECK(o.copy_symlink == ours[i].copy_symlink, "%s", ours[i].words);
		CHECK(o.idmap_recursive == ours[i].idmap_recursive, "%s", ours[i].words);
		CHECK(!o.data.count, "%s", ours[i].words);
	}
}

/* The words that the specification says MUST and SHOULD be known; none may reach the kernel. */
static const char specification[] =
	"async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev "
	"nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind "
	"relatime remount ro rprivate rshared rslave runbindable rw shared silent slave "
	"strictatime suid sync unbindable nosymfollow symfollow ratime rdev rdiratime rexec rnoatime "
	"rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow rrelatime rro rrw "
	"rstrictatime rsuid rsymfollow idmap ridmap mand nomand tmpcopyup";

static void check_table(void)
{
	auto_arena a = ARENA_NONE;
	struct str_list words = split(&a, specification);
	struct mount_options o;
	struct err e = { 0 };

	CHECK(words.count > 60);
	CHECK(mount_options_read(&words, &a, &o, &e) == 0);
	CHECK_STR(join(&a, &o.data), "");
	for (size_t i = 0; mount_options_word(i); i++) {
		struct str_list one = { (char *[]){ arena_strdup(&a, mount_options_word(i)) }, 1 };

		CHECK(i == 0 || strcmp(mount_options_word(i - 1), mount_options_word(i)) < 0, "%s",
		      mount_options_word(i));
		CHECK(mount_options_read(&one, &a, &o, &e) == 0 && !o.data.count, "%s is not found",
		      mount_options_word(i));
	}
}

static void check_refused(void)
{
	auto_arena a = ARENA_NONE;
	struct str_list words = split(&a, "ro =x");
	struct str_list empty = { (char *[]){ arena_strdup(&a, "") }, 1 };
	struct mount_options o = { .remount = true };
	struct err e = { 0 };

	CHECK(mount_options_read(&words, &a, &o, &e) == -1 && o.remount);
	CHECK_STR(e.text, "the option \"=x\" has no name");
	CHECK(mount_options_read(&empty, &a, &o, &e) == 0 && !o.data.count && !o.remount);
}

int main(void)
{
	check_attributes();
	check_propagation();
	check_ours();
	check_table();
	check_refused();
	return check_result();
}
