/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Checking a set of evidence: every file is hashed anew, the tree is computed anew,
 * and nothing may be there that the manifest does not name. A tar has to be, header for header and
 * zero for zero, the one that was written. Trusts nothing of the set; follows no link in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "guard/manifest.h"
#include "guard/sink.h"
#include "guard/tar.h"
#include "json/doc.h"
#include "orlop/auto.h"
#include "orlop/evidence.h"

/* A mode that no file has: its row was found. */
#define HAS_ROW UINT32_MAX

enum { NAMED_MAX = 20, FILES_MAX = 4 * 1024 * 1024, DEPTH_MAX = 16, BUFFER = 1024 * 1024,
	TYPE_AT = 156 };

/* A file as it is found. */
struct found {
	const char *path;
	uint64_t size;
	uint32_t mode;
	char sha256[SHA256_HEX_SIZE];
	const unsigned char *head;	/* in a tar: what stands before it */
	size_t head_len;
};

struct check {
	struct arena *a;
	struct evidence_check *ret;
	bool tar;
	struct {
		struct found **items;
		size_t count, room;
	} files;
	const char *manifest, *digest;	/* the two that are not in it */
	size_t manifest_len, digest_len;
	char *buffer;
};

static void differ(struct check *c, const char *path, const char *what)
{
	struct str_list *list = &c->ret->differences;

	if (list->count == NAMED_MAX) {
		c->ret->more++;
		return;
	}
	if (!list->items)
		list->items = arena_new_array(c->a, char *, NAMED_MAX);
	list->items[list->count++] = arena_printf(c->a, "%s: %s", text_quote(c->a, path, 200), what);
}

static struct found *new_found(struct check *c, const char *path)
{
	struct found *f = arena_new(c->a, struct found);

	f->path = arena_strdup(c->a, path);
	if (c->files.count == c->files.room) {
		size_t room = c->files.room ? 2 * c->files.room : 64;
		struct found **items = arena_new_array(c->a, struct found *, room);

		if (c->files.count)
			memcpy(items, c->files.items, c->files.count * sizeof(struct found *));
		c->files.items = items;
		c->files.room = room;
	}
	c->files.items[c->files.count++] = f;
	return f;
}

/* Reads up to `size` bytes, hashes them, and keeps them when `keep` is wanted. */
static int hash_bytes(struct check *c, int fd, uint64_t size, struct found *f, const char **keep,
		      size_t *keep_len)
{
	unsigned char digest[SHA256_SIZE];
	struct text kept = TEXT_IN(c->a);
	struct sha256 s;

	sha256_init(&s);
	for (uint64_t left = size; left > 0;) {
		size_t want = left < BUFFER ? (size_t)left : BUFFER;
		ssize_t n = fd_read_full(fd, c->buffer, want);

		if (n < 0)
			return -1;
		sha256_add(&s, c->buffer, (size_t)n);
		if (keep && kept.len < DOC_SIZE_MAX)
			text_add(&kept, c->buffer, (size_t)n);
		f->size += (uint64_t)n;
		left -= (uint64_t)n;
		if ((size_t)n < want)
			break;
	}
	sha256_end(&s, digest);
	sha256_hex(digest, f->sha256);
	if (keep) {
		*keep = text_get(&kept);
		*keep_len = kept.len;
	}
	return 0;
}

static int hash_file(struct check *c, int fd, uint64_t size, struct found *f)
{
	if (strcmp(f->path, "manifest.json") == 0)
		return hash_bytes(c, fd, size, f, &c->manifest, &c->manifest_len);
	if (strcmp(f->path, "manifest.sha256") == 0)
		return hash_bytes(c, fd, size, f, &c->digest, &c->digest_len);
	return hash_bytes(c, fd, size, f, NULL, NULL);
}

/* ---- a directory ------------------------------------------------------------------------- */

static int read_entry(struct check *c, int dir, const char *name, const char *path, int depth,
		      struct err *e);

static int read_directory(struct check *c, int dir, const char *prefix, int depth, struct err *e)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_dir DIR *listing = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;
	int code = 0;

	if (!listing)
		return err_sys(e, "evidence \"%.200s\"", prefix);
	while (code == 0 && (entry = readdir(listing))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		code = read_entry(c, dir, entry->d_name,
				  arena_printf(c->a, "%s%s%s", prefix, *prefix ? "/" : "",
					       entry->d_name), depth, e);
	}
	return code;
}

static int read_entry(struct check *c, int dir, const char *name, const char *path, int depth,
		      struct err *e)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct found *f;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		differ(c, path, errno == ELOOP ? "is a symbolic link" : err_errno_text(errno));
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		if (depth < DEPTH_MAX)
			return read_directory(c, fd, path, depth + 1, e);
		differ(c, path, "is not in the manifest");
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		differ(c, path, "is not a regular file");
		return 0;
	}
	f = new_found(c, path);
	f->mode = st.st_mode & 07777;
	if (hash_file(c, fd, UINT64_MAX, f) < 0)
		return err_sys(e, "evidence \"%.200s\"", path);
	return 0;
}

/* ---- a tar ------------------------------------------------------------------------------- */

static bool is_zero(const void *bytes, size_t len)
{
	const char *p = bytes;

	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* What stands before a member: its header, and perhaps a pax header in front of that. */
struct head {
	unsigned char bytes[3 * TAR_BLOCK];
	size_t len;
	uint64_t size;			/* of the member */
	char type, name[101];
};

enum { HEAD_END = 1, HEAD_BROKEN };

/* The next block. 0; HEAD_END, it is zeros; HEAD_BROKEN; -1 and errno. */
static int read_header(int fd, struct head *h)
{
	unsigned char *block = h->bytes + h->len;
	ssize_t n = fd_read_full(fd, block, TAR_BLOCK);

	if (n < 0)
		return -1;
	if (n == TAR_BLOCK && h->len == 0 && is_zero(block, TAR_BLOCK))
		return HEAD_END;
	h->size = n == TAR_BLOCK && tar_is_header(block) ? tar_size(block) : UINT64_MAX;
	if (h->size == UINT64_MAX)
		return HEAD_BROKEN;
	h->type = (char)block[TYPE_AT];
	memcpy(h->name, block, 100);
	h->len += TAR_BLOCK;
	return 0;
}

/* The size in a pax header's records, of which a set's have no other; UINT64_MAX without. */
static uint64_t size_in(const unsigned char *records, size_t len, struct arena *a)
{
	char *end, *text = arena_strndup(a, (const char *)records, len);

	strtoull(text, &end, 10);
	return strncmp(end, " size=", 6) == 0 ? strtoull(end + 6, NULL, 10) : UINT64_MAX;
}

/* As read_header. Whether all of it is as it was written is seen when it is compared. */
static int read_head(int fd, struct head *h, struct arena *a)
{
	unsigned char *records = h->bytes + TAR_BLOCK;
	uint64_t size;
	int code = read_header(fd, h);
	ssize_t n;

	if (code != 0 || h->type != 'x')
		return code;
	n = h->size > TAR_BLOCK ? 0 : fd_read_full(fd, records, TAR_BLOCK);
	if (n != TAR_BLOCK)
		return n < 0 ? -1 : HEAD_BROKEN;
	h->len += TAR_BLOCK;
	size = size_in(records, (size_t)h->size, a);
	code = read_header(fd, h);
	if (code == 0 && size != UINT64_MAX)
		h->size = size;
	return code;
}

/* After the two blocks of zeros nothing may follow. */
static void read_end(struct check *c, int fd)
{
	ssize_t n = fd_read_full(fd, c->buffer, BUFFER);

	if (n != TAR_BLOCK || !is_zero(c->buffer, TAR_BLOCK))
		differ(c, "the archive's end", "is not two blocks of zeros");
}

static int read_member(struct check *c, int fd, const struct head *h, struct err *e)
{
	struct found *f = new_found(c, h->name);
	size_t pad = tar_pad(h->size);
	ssize_t n;

	f->head_len = h->len;
	f->head = memcpy(arena_alloc(c->a, h->len), h->bytes, h->len);
	f->mode = 0600;
	if (hash_file(c, fd, h->size, f) < 0)
		return err_sys(e, "evidence");
	n = fd_read_full(fd, c->buffer, pad);
	if (n != (ssize_t)pad || !is_zero(c->buffer, pad))
		differ(c, h->name, "what fills it up in the archive is not zeros");
	return 0;
}

static int read_tar(struct check *c, int fd, struct err *e)
{
	while (c->files.count < FILES_MAX) {
		struct head h = { .len = 0 };
		int code = read_head(fd, &h, c->a);

		if (code < 0)
			return err_sys(e, "evidence");
		if (code == HEAD_END) {
			read_end(c, fd);
			return 0;
		}
		if (code == HEAD_BROKEN) {
			differ(c, c->files.count ? c->files.items[c->files.count - 1]->path : "it",
			       "what follows is no header of an archive, or the archive is cut off");
			return 0;
		}
		if (read_member(c, fd, &h, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- the comparison ---------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct found *const *)a)->path, (*(struct found *const *)b)->path);
}

static struct found *find(struct check *c, const char *path)
{
	struct found key = { .path = path }, *one = &key, **at;

	at = c->files.count ? bsearch(&one, c->files.items, c->files.count,
				      sizeof(struct found *), by_path) : NULL;
	return at ? *at : NULL;
}

static void compare_header(struct check *c, const struct found *f, uint64_t began)
{
	struct text head = TEXT_IN(c->a);

	if (!c->tar)
		return;
	sink_head(&head, f->path, f->size, began);
	if (head.len != f->head_len || memcmp(head.bytes, f->head, head.len) != 0)
		differ(c, f->path, "its header in the archive is another");
}

static void compare(struct check *c, const struct manifest_row *row)
{
	struct found *f = find(c, row->path);

	if (!f) {
		differ(c, row->path, "is missing");
		return;
	}
	if (f->mode == HAS_ROW) {
		differ(c, row->path, "is in the manifest twice");
		return;
	}
	if (f->size != row->size)
		differ(c, row->path, arena_printf(c->a, "has %llu bytes, not %llu",
						  (unsigned long long)f->size,
						  (unsigned long long)row->size));
	else if (strcmp(f->sha256, row->sha256) != 0)
		differ(c, row->path, "its bytes are not those that were taken");
	else
		compare_header(c, f, row->began);
	if (f->mode != row->mode)
		differ(c, row->path, arena_printf(c->a, "its mode is %04o, not %04o", f->mode,
						  row->mode));
	f->mode = HAS_ROW;
}

/* One of the two that are in no manifest. */
static bool is_own(const struct found *f)
{
	return strcmp(f->path, "manifest.json") == 0 || strcmp(f->path, "manifest.sha256") == 0;
}

static void compare_all(struct check *c, const struct manifest *m)
{
	const struct manifest_row *last = m->rows.count ? &m->rows.items[m->rows.count - 1] : NULL;
	struct found *f;

	for (size_t i = 0; i < 2; i++) {
		f = find(c, i ? "manifest.sha256" : "manifest.json");
		if (!f)
			continue;
		compare_header(c, f, last ? last->ended : 0);
		if (f->mode != 0600)
			differ(c, f->path, "its mode is not 0600");
	}
	for (size_t i = 0; i < m->rows.count; i++)
		compare(c, &m->rows.items[i]);
	for (size_t i = 0; i < c->files.count; i++) {
		f = c->files.items[i];
		if (f->mode == HAS_ROW)
			continue;
		if (!is_own(f))
			differ(c, f->path, "is not in the manifest");
		else if (i && strcmp(c->files.items[i - 1]->path, f->path) == 0)
			differ(c, f->path, "is in the archive twice");
	}
}

static int read_set(struct check *c, const char *path, struct err *e)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "evidence \"%.200s\"", path);
	if (S_ISDIR(st.st_mode))
		return read_directory(c, fd, "", 0, e);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "evidence \"%.200s\": is neither a directory nor a file",
			       path);
	c->tar = true;
	return read_tar(c, fd, e);
}

/* What is wrong with the digest of the manifest, or NULL. */
static const char *check_digest(struct check *c)
{
	struct found *f = find(c, "manifest.json");
	const char *want = f ? arena_printf(c->a, "%s  manifest.json\n", f->sha256) : "";

	if (!c->digest)
		return "is missing";
	return c->digest_len == strlen(want) && memcmp(c->digest, want, c->digest_len) == 0
		? NULL : "does not fit manifest.json: one of the two was changed";
}

int evidence_verify(const char *path, struct arena *a, struct evidence_check *ret, struct err *e)
{
	struct manifest manifest = { 0 };
	struct check c = { .a = a, .ret = ret };
	auto_free char *buffer = malloc(BUFFER);
	const char *wrong;
	struct err why;

	*ret = (struct evidence_check){ 0 };
	if (!buffer)
		return err_sys(e, "memory");
	c.buffer = buffer;
	if (read_set(&c, path, e) < 0)
		return -1;
	if (c.files.count)
		qsort(c.files.items, c.files.count, sizeof(struct found *), by_path);
	for (size_t i = 0; i < c.files.count; i++)
		ret->bytes += c.files.items[i]->size;
	ret->files = c.files.count;
	wrong = check_digest(&c);
	if (wrong)
		differ(&c, "manifest.sha256", wrong);
	if (!c.manifest) {
		differ(&c, "manifest.json", "is missing");
	} else if (manifest_read(c.manifest, c.manifest_len, a, &manifest, &why) < 0) {
		differ(&c, "manifest.json", arena_strdup(a, why.text));
	} else {
		manifest_root(&manifest, a, ret->root);
		if (strcmp(ret->root, manifest.root) != 0)
			differ(&c, "manifest.json", "its root is not that of its rows");
		if (strlen(manifest_text(&manifest, a)) != c.manifest_len ||
		    memcmp(manifest_text(&manifest, a), c.manifest, c.manifest_len) != 0)
			differ(&c, "manifest.json", "is not written as it was");
		compare_all(&c, &manifest);
	}
	return ret->differences.count ? EVIDENCE_DIFFERS : 0;
}
