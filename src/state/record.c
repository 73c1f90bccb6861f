/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The record, state.json: one table reads it, one function writes it.
 *
 * A record is believed as a whole or not at all: what is not exactly what record_text writes
 * (apart from members that a later version may add) is an error, because the pid in it gets
 * signals and the paths in it are written to.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "json/bind.h"
#include "json/doc.h"
#include "json/emit.h"
#include "json/utf8.h"
#include "orlop/state.h"
#include "state/identity.h"
#include "state/store.h"

enum { RECORD_VERSION = 1 };

static const char record_file[] = "state.json";

#define RECORD_STR(field, name, ...) \
	B_ROW(BIND_STR, name, B_FIELD(struct state_record, field, const char *), __VA_ARGS__)

static int record_check(const struct binding *b, const struct node *n, void *object);

static const struct bind record_rows[] = {
	B_U32_IN(struct state_record, version, "version", RECORD_VERSION, RECORD_VERSION,
		 B_REQUIRED),
	RECORD_STR(id, "id", B_REQUIRED),
	RECORD_STR(oci_version, "ociVersion", B_REQUIRED),
	RECORD_STR(bundle, "bundle", (B_REQUIRED | B_ABSOLUTE)),
	RECORD_STR(rootfs, "rootfs", (B_REQUIRED | B_ABSOLUTE)),
	RECORD_STR(created, "created", B_REQUIRED),
	B_U32(struct state_record, owner, "owner", B_REQUIRED),
	B_I32_IN(struct state_record, pid, "pid", 1, INT32_MAX, B_REQUIRED),
	B_U64(struct state_record, pid_inode, "pidInode"),
	B_U64(struct state_record, pid_start, "pidStart"),
	RECORD_STR(boot_id, "bootId", B_REQUIRED),
	RECORD_STR(cgroup, "cgroup", (B_REQUIRED | B_KEEP_EMPTY)),
	RECORD_STR(cgroup_mount, "cgroupMount", (B_REQUIRED | B_KEEP_EMPTY)),
	RECORD_STR(cgroup_driver, "cgroupDriver", B_REQUIRED),
	RECORD_STR(unit, "unit", 0),
	B_U32(struct state_record, ns_new, "newNamespaces", B_REQUIRED),
	B_U32(struct state_record, ns_joined, "joinedNamespaces", B_REQUIRED),
	B_BOOL(struct state_record, poststart, "poststart", B_REQUIRED),
	B_BOOL(struct state_record, poststop, "poststop", B_REQUIRED),
	B_BOOL(struct state_record, resctrl, "resctrl"),
	B_BOOL(struct state_record, seccomp, "seccomp", B_REQUIRED),
	B_PAIRS(struct state_record, annotations, "annotations"),
	B_CHECK(record_check),
	B_END
};

static int record_check(const struct binding *b, const struct node *n, void *object)
{
	const struct state_record *record = object;

	if (!state_id_valid(record->id))
		return doc_err(b->doc, n, b->e, "the id is not one");
	if (!store_is_path(record->cgroup) || !store_is_path(record->cgroup_mount))
		return doc_err(b->doc, n, b->e, "the cgroup's path is not one");
	if (record->unit && !store_is_unit(record->unit, record->cgroup))
		return doc_err(b->doc, n, b->e, "the unit is not the cgroup's");
	if (!record->pid_inode == !record->pid_start)
		return doc_err(b->doc, n, b->e, "the process is told by pidInode or pidStart");
	if (strlen(record->boot_id) != BOOT_ID_LEN)
		return doc_err(b->doc, n, b->e, "the boot id is not one");
	return 0;
}

static const char *record_text(const struct state_record *record, struct arena *a)
{
	struct emit m = EMIT_IN(a, 1);

	emit_object(&m, NULL);
	emit_u64(&m, "version", RECORD_VERSION);
	emit_str(&m, "id", record->id);
	emit_str(&m, "ociVersion", record->oci_version);
	emit_str(&m, "bundle", record->bundle);
	emit_str(&m, "rootfs", record->rootfs);
	emit_str(&m, "created", record->created);
	emit_u64(&m, "owner", record->owner);
	emit_i64(&m, "pid", record->pid);
	if (record->pid_inode)
		emit_u64(&m, "pidInode", record->pid_inode);
	else
		emit_u64(&m, "pidStart", record->pid_start);
	emit_str(&m, "bootId", record->boot_id);
	emit_str(&m, "cgroup", record->cgroup);
	emit_str(&m, "cgroupMount", record->cgroup_mount);
	emit_str(&m, "cgroupDriver", record->cgroup_driver);
	if (record->unit)
		emit_str(&m, "unit", record->unit);
	emit_u64(&m, "newNamespaces", record->ns_new);
	emit_u64(&m, "joinedNamespaces", record->ns_joined);
	emit_bool(&m, "poststart", record->poststart);
	emit_bool(&m, "poststop", record->poststop);
	if (record->resctrl)
		emit_bool(&m, "resctrl", true);
	emit_bool(&m, "seccomp", record->seccomp);
	if (record->annotations.count) {
		emit_object(&m, "annotations");
		for (size_t i = 0; i < record->annotations.count; i++)
			emit_str(&m, record->annotations.items[i].key,
				 record->annotations.items[i].value);
		emit_end(&m);
	}
	emit_end(&m);
	return emit_get(&m);
}

/* The writer replaces what is not UTF-8; a path that was changed on the way is another path. */
static int check_utf8(const char *what, const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (utf8_check(text, len) != len)
		return err_set(e, ERR_USAGE, "the container's %s is not UTF-8", what);
	return 0;
}

/* `code` is 0, or why it was not; in a directory that is gone nothing can be written. */
static int check_written(int dir, int code, const char *id, struct err *e)
{
	if (state_condemned(dir))
		return err_set(e, ERR_STATE, "container \"%s\" was deleted while it was created",
			       id);
	return code ? err_sys_code(e, code, "write the container's state.json") : 0;
}

int state_draft(int dir, const struct state_record *record, struct err *e)
{
	auto_arena a = ARENA_NONE;
	const char *text;

	if (check_utf8("bundle", record->bundle, e) < 0 ||
	    check_utf8("root file system", record->rootfs, e) < 0 ||
	    check_utf8("cgroup", record->cgroup, e) < 0)
		return -1;
	text = record_text(record, &a);
	if (strlen(text) > DOC_SIZE_MAX)
		return err_set(e, ERR_CONFIG, "the annotations are too long: %zu bytes",
			       strlen(text));
	if (file_draft(dir, record_file, text, strlen(text)) == 0)
		return 0;
	return check_written(dir, errno, record->id, e);
}

int state_publish(int dir, const char *id, struct err *e)
{
	return check_written(dir, file_publish(dir, record_file) < 0 ? errno : 0, id, e);
}

int state_store(int dir, const struct state_record *record, struct err *e)
{
	return state_draft(dir, record, e) < 0 ? -1 : state_publish(dir, record->id, e);
}

int state_load(int dir, struct arena *a, struct state_record *ret, struct err *e)
{
	struct state_record record = { 0 };
	auto_doc doc = DOC_NONE;
	auto_arena file = ARENA_NONE;
	size_t len = 0;
	char *text = state_read_file(dir, record_file, DOC_SIZE_MAX, &file, &len);

	if (!text) {
		if (errno == ENOENT)
			return STATE_ABSENT;
		return err_sys(e, "read the container's state.json");
	}
	if (doc_read(record_file, text, len, a, &doc, e) < 0 ||
	    bind_read(&(struct binding){ .doc = &doc, .arena = a, .e = e }, doc.root, record_rows,
		      &record) < 0) {
		e->kind = ERR_STATE;
		return -1;
	}
	*ret = record;
	return 0;
}
