/* SPDX-License-Identifier: Apache-2.0 */
#include "life/images.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mounts.h"
#include "engine/procfs.h"
#include "json/doc.h"
#include "json/emit.h"
#include "life/bundle.h"
#include "orlop/auto.h"

enum { STREAMS_MAX = 16 * 1024 };

static const char streams_file[] = "descriptors.json";

/* criu reads these itself; the second is where runc's users have theirs. */
static const char *const config_files[] = { "/etc/criu/orlop.conf", "/etc/criu/runc.conf" };

static int open_dir(const char *path, bool make, struct err *e)
{
	int fd;

	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "%s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", path) : fd;
}

static int check_images(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	err_set(e, ERR_POLICY, "%s: others may write there", path);
	return err_hint(e, "images hold a program's memory, and say what will run: use a directory "
			   "of your own with mode 0700");
}

int images_open(const struct life_criu *x, bool make, struct arena *a, struct images *ret,
		struct err *e)
{
	const char *path = bundle_absolute(x->image_path ? x->image_path : "checkpoint", a, e);

	*ret = IMAGES_NONE;
	ret->work_path = x->work_path ? bundle_absolute(x->work_path, a, e) : path;
	if (!path || !ret->work_path)
		return -1;
	ret->images = open_dir(path, make, e);
	if (ret->images < 0 || check_images(ret->images, path, e) < 0)
		return -1;
	ret->work = open_dir(ret->work_path, x->work_path != NULL, e);
	return ret->work < 0 ? -1 : 0;
}

void images_close(struct images *i)
{
	auto_close_fd(&i->images);
	auto_close_fd(&i->work);
}

static const char *config_file(const struct pair_list *annotations)
{
	for (size_t n = 0; n < annotations->count; n++)
		if (!strcmp(annotations->items[n].key, "org.criu.config"))
			return *annotations->items[n].value ? annotations->items[n].value : NULL;
	for (size_t n = 0; n < ARRAY_LEN(config_files); n++)
		if (access(config_files[n], F_OK) == 0)
			return config_files[n];
	return NULL;
}

static enum criu_cgroups cgroups_mode(const char *word)
{
	if (word && !strcmp(word, "ignore"))
		return CRIU_CGROUPS_IGNORE;
	if (word && !strcmp(word, "full"))
		return CRIU_CGROUPS_FULL;
	return word && !strcmp(word, "strict") ? CRIU_CGROUPS_STRICT : CRIU_CGROUPS_SOFT;
}

int images_request(const struct life_criu *x, const struct images *i,
		   const struct pair_list *annotations, struct arena *a, struct criu_request *ret,
		   struct err *e)
{
	*ret = (struct criu_request){
		.program = criu_find(x->program, a, e), .images = i->images, .work = i->work,
		.cgroup = -1, .network = -1, .config_file = config_file(annotations),
		.cgroups = cgroups_mode(x->cgroups),
		.empty_ns = x->empty_net ? CLONE_NEWNET : 0,
		.ext_unix_sk = x->ext_unix_sk, .tcp_established = x->tcp_established,
		.tcp_close = x->tcp_close, .shell_job = x->shell_job, .file_locks = x->file_locks,
		.lazy_pages = x->lazy_pages, .auto_dedup = x->auto_dedup,
		.inherit.items = arena_new_array(a, struct criu_inherit, INHERIT_MAX),
		.external.items = arena_new_array(a, char *, INHERIT_MAX),
	};
	return ret->program ? 0 : -1;
}

int images_blame(const struct images *i, const struct criu_request *r, struct err *e)
{
	if (faccessat(i->work, r->log_file, F_OK, 0) < 0)
		return -1;
	return err_hint(e, "the whole log is %s/%s", i->work_path, r->log_file);
}

/* The number of the mount that an open file is on; 0: it cannot be told. */
static unsigned mount_of(pid_t pid, int fd)
{
	char name[48], text[4096], *at;
	struct err ignored;

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (procfs_read(-1, pid, name, text, sizeof(text), &ignored) < 0)
		return 0;
	at = strstr(text, "mnt_id:");
	return at ? (unsigned)strtoul(at + 7, NULL, 10) : 0;
}

/* A file that no mount of the container has, under the name that criu gives it; or NULL. */
static char *outside_name(pid_t pid, int fd, const struct mounts *mounts, struct arena *a)
{
	unsigned mount = mount_of(pid, fd);
	char path[48];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	if (stat(path, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)) || !mount ||
	    mounts_find(mounts, mount))
		return NULL;
	return arena_printf(a, "file[%x:%lx]", mount, (unsigned long)st.st_ino);
}

static int put_stream(struct emit *m, pid_t pid, int fd, const struct mounts *mounts, struct arena *a,
		      struct criu_request *r, struct err *e)
{
	char *outside = outside_name(pid, fd, mounts, a);
	char link[48], name[PATH_MAX];
	ssize_t len;

	if (outside) {
		emit_str(m, NULL, outside);
		r->external.items[r->external.count++] = outside;
		return 0;
	}
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
	len = readlink(link, name, sizeof(name) - 1);
	if (len < 0 && errno != ENOENT)
		return err_sys(e, "%s", link);
	name[len < 0 ? 0 : len] = '\0';
	emit_str(m, NULL, name);
	return 0;
}

int images_write_streams(const struct images *i, pid_t pid, struct arena *a,
			 struct criu_request *r, struct err *e)
{
	struct mounts mounts;
	const char *text;
	struct emit m = EMIT_IN(a, 0);

	if (mounts_of(pid, a, &mounts, e) < 0)
		return -1;
	emit_array(&m, NULL);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (put_stream(&m, pid, fd, &mounts, a, r, e) < 0)
			return -1;
	emit_end(&m);
	text = emit_get(&m);
	if (file_replace(i->images, streams_file, text, strlen(text)) < 0)
		return err_sys(e, "%s", streams_file);
	return 0;
}

static char *read_file(int dir, const char *name, struct arena *a, size_t *len)
{
	auto_fd int fd = file_open(dir, name, O_RDONLY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return NULL;
	}
	return fd_read_text(fd, STREAMS_MAX, a, len);
}

int images_read_streams(const struct images *i, struct arena *a, struct criu_request *r,
			struct err *e)
{
	auto_doc doc = DOC_NONE;
	size_t len;
	char *text = read_file(i->images, streams_file, a, &len);

	if (!text)
		return err_sys(e, "%s", streams_file);
	if (doc_read(streams_file, text, len, a, &doc, e) < 0)
		return -1;
	if (doc.root->type != NODE_ARRAY || doc.root->len > STDERR_FILENO + 1)
		return doc_err_type(&doc, doc.root, e, "an array of three strings");
	for (unsigned n = 0; n < doc.root->len; n++) {
		const struct node *name = doc_at(doc.root, n);

		if (name->type != NODE_STRING)
			return doc_err_type(&doc, name, e, "a string");
		if (!strncmp(name->text, "pipe:[", 6) || !strncmp(name->text, "file[", 5))
			r->inherit.items[r->inherit.count++] =
				(struct criu_inherit){ arena_strdup(a, name->text), (int)n };
	}
	return 0;
}
