/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The numbers of fields are those of rpc.proto, where criu keeps each as it was.
 */
#include "engine/criu_message.h"

#include <unistd.h>

#include "engine/criu_process.h"
#include "engine/criu_wire.h"
#include "orlop/auto.h"

enum { LOG_LEVEL = 4, LOCK_SKIP = 3 };

static void put_pair(struct text *t, unsigned field, const char *first, const char *second)
{
	struct text message = TEXT_IN(t->arena);

	wire_string(&message, 1, first);
	wire_string(&message, 2, second);
	wire_message(t, field, &message);
}

static void put_string(struct text *t, unsigned field, const char *s)
{
	if (s)
		wire_string(t, field, s);
}

static void put_truths(struct text *t, const struct criu_request *r)
{
	bool restores = r->what == CRIU_RESTORE;
	const struct {
		unsigned field;
		bool value;
	} rows[] = {
		{ 3, r->leave_running }, { 4, r->ext_unix_sk }, { 5, r->tcp_established },
		{ 6, restores },		/* devices that moved are found by path */
		{ 7, r->shell_job }, { 8, r->file_locks },
		{ 12, true },			/* tell us of each stage */
		{ 15, r->what == CRIU_PRE_DUMP || r->parent },	/* which pages change from now on */
		{ 16, r->auto_dedup }, { 18, r->link_remap },
		{ 26, restores },		/* the restored process is our child, not criu's */
		{ 46, r->tcp_skip_in_flight }, { 48, r->lazy_pages },
		{ 50, true },			/* terminals whose master is outside */
		{ 52, r->tcp_close },
	};

	for (size_t n = 0; n < ARRAY_LEN(rows); n++)
		if (rows[n].value)
			wire_number(t, rows[n].field, 1);
}

static void put_page_server(struct text *t, const struct criu_request *r)
{
	struct text message = TEXT_IN(t->arena);

	wire_string(&message, 1, r->page_server);
	wire_number(&message, 2, r->page_server_port);
	wire_message(t, 11, &message);
}

static void put_lists(struct text *t, const struct criu_request *r)
{
	int next = CRIU_FIRST_FD;

	for (size_t n = 0; n < r->mounts.count; n++)
		put_pair(t, 23, r->mounts.items[n].key, r->mounts.items[n].value);
	if (r->cgroup_path)
		put_pair(t, 25, "", r->cgroup_path);
	for (size_t n = 0; n < r->inherit.count; n++) {
		struct text message = TEXT_IN(t->arena);

		wire_string(&message, 1, r->inherit.items[n].key);
		wire_number(&message, 2, next++);
		wire_message(t, 27, &message);
	}
	for (size_t n = 0; n < r->external.count; n++)
		wire_string(t, 37, r->external.items[n]);
	for (size_t n = 0; n < r->join.count; n++)
		put_pair(t, 39, r->join.items[n].key, r->join.items[n].value);
}

struct text criu_message_options(const struct criu_request *r, struct arena *a)
{
	struct text t = TEXT_IN(a);

	wire_number(&t, 1, r->images);
	if (r->pid > 0)
		wire_number(&t, 2, r->pid);
	wire_number(&t, 9, LOG_LEVEL);
	put_string(&t, 10, r->log_file);
	if (r->page_server)
		put_page_server(&t, r);
	put_string(&t, 13, r->root);
	put_string(&t, 14, r->parent);
	wire_number(&t, 17, r->work);
	put_truths(&t, r);
	wire_number(&t, 34, (int)r->cgroups);
	if (r->empty_ns)
		wire_number(&t, 38, r->empty_ns);
	put_string(&t, 44, r->freeze_cgroup);
	put_string(&t, 51, r->config_file);
	put_string(&t, 53, r->lsm_profile);
	put_string(&t, 63, r->lsm_mount_context);
	put_lists(&t, r);
	return t;
}

void criu_message_no_lock(struct text *options)
{
	wire_number(options, 64, LOCK_SKIP);
}

static const char *field_text(const struct wire_field *f, struct arena *a)
{
	return f->bytes ? arena_strndup(a, (const char *)f->bytes, f->len) : "";
}

static bool read_notify(struct wire w, struct arena *a, struct criu_answer *ret)
{
	struct wire_field f;
	int found;

	while ((found = wire_next(&w, &f)) == WIRE_FIELD) {
		if (f.number == 1)
			ret->script = field_text(&f, a);
		else if (f.number == 2)
			ret->pid = (pid_t)f.value;
	}
	return found == 0;
}

static bool read_version(struct wire w, struct criu_answer *ret)
{
	struct wire_field f;
	uint64_t number[7] = { 0 };	/* 1: major, 2: minor, 4: sublevel */
	int found;

	while ((found = wire_next(&w, &f)) == WIRE_FIELD)
		if (f.number < ARRAY_LEN(number) && f.value < 100)
			number[f.number] = f.value;
	ret->version = number[1] * 10000 + number[2] * 100 + number[4];
	return found == 0;
}

bool criu_message_read(struct wire w, struct arena *a, struct criu_answer *ret)
{
	struct wire_field f;
	int found;

	*ret = (struct criu_answer){ 0 };
	while ((found = wire_next(&w, &f)) == WIRE_FIELD) {
		struct wire inner = { f.bytes, f.bytes ? f.bytes + f.len : NULL };
		bool right = true;

		if (f.number == 1)
			ret->type = f.value;
		else if (f.number == 2)
			ret->success = f.value != 0;
		else if (f.number == 5 && f.bytes)
			right = read_notify(inner, a, ret);
		else if (f.number == 9)
			ret->message = field_text(&f, a);
		else if (f.number == 10 && f.bytes)
			right = read_version(inner, ret);
		if (!right)
			return false;
	}
	return found == 0;
}
