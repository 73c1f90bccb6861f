/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting and stopping are jobs: the call is answered with the job's name, and the signal
 * JobRemoved says how the job ended. A manager's own socket sends its signals to everybody who is
 * connected; on a message bus they have to be asked for, and are believed only from whoever
 * answered the call.
 */
#include "engine/systemd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/systemd_place.h"
#include "orlop/auto.h"

#define MANAGER "org.freedesktop.systemd1.Manager"

static const char no_such_unit[] = "org.freedesktop.systemd1.NoSuchUnit";
static const char unit_exists[] = "org.freedesktop.systemd1.UnitExists";

enum { UNIT_EXISTS = 1 };

void systemd_close(struct systemd *s)
{
	bus_close(&s->bus);
}

static int64_t deadline(const struct systemd *s)
{
	return fd_now_ms() + s->timeout_ms;
}

static struct dbus_call manager_call(const char *member, const char *signature)
{
	return (struct dbus_call){ .destination = "org.freedesktop.systemd1",
		.path = "/org/freedesktop/systemd1", .interface = MANAGER, .member = member,
		.signature = signature };
}

static int refused(struct systemd *s, const struct dbus_message *reply, const char *what,
		   struct err *e)
{
	return err_set(e, ERR_SYSTEM, "%s: systemd: %s", what,
		       bus_error_text(reply, s->bus.arena));
}

/* Has a message bus send us the signals of jobs. */
static int subscribe(struct systemd *s, int64_t end, struct err *e)
{
	struct text body = TEXT_IN(s->bus.arena);
	struct dbus_message reply;

	dbus_put_string(&body, "type='signal',sender='org.freedesktop.systemd1',"
			"interface='" MANAGER "',member='JobRemoved'");
	if (bus_call(&s->bus, (struct dbus_call){ .destination = "org.freedesktop.DBus",
			.path = "/org/freedesktop/DBus", .interface = "org.freedesktop.DBus",
			.member = "AddMatch", .signature = "s" }, &body, end, &reply, e) < 0)
		return -1;
	if (reply.type == DBUS_ERROR)
		return refused(s, &reply, "AddMatch", e);
	if (bus_call(&s->bus, manager_call("Subscribe", NULL), NULL, end, &reply, e) < 0)
		return -1;
	return reply.type == DBUS_ERROR ? refused(s, &reply, "Subscribe", e) : 0;
}

/* Whether the next place may be tried: nobody listens at this one, or not for us. */
static bool is_absent(int code)
{
	return code == ENOENT || code == ENOTDIR || code == ECONNREFUSED || code == EACCES;
}

int systemd_open(bool user, int timeout_ms, struct arena *a, struct systemd *ret, struct err *e)
{
	struct systemd_place places[SYSTEMD_PLACES_MAX];
	auto_systemd s = { .bus = BUS_NONE, .timeout_ms = timeout_ms };
	int64_t end = deadline(&s);
	size_t count, n = 0;

	if (access("/run/systemd/system", F_OK) < 0)
		return err_set(e, ERR_SYSTEM, "systemd not running on this host, cannot use "
			       "systemd cgroups manager");
	count = systemd_places(user, getenv("XDG_RUNTIME_DIR"), getenv("DBUS_SESSION_BUS_ADDRESS"),
			       a, places);
	err_set(e, ERR_SYSTEM, "neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS names a bus");
	while (n < count && bus_open(places[n].path, places[n].broker, end, a, &s.bus, e) < 0) {
		if (!is_absent(e->code))
			break;
		n++;
	}
	if (s.bus.fd < 0)
		return err_in(e, "systemd%s", user ? " of this user" : "");
	if (s.bus.broker && subscribe(&s, end, e) < 0)
		return -1;
	*ret = s;
	s.bus.fd = -1;
	return 0;
}

/* A property of the manager that is a string. */
static int get_property(struct systemd *s, const char *name, const char **ret, struct err *e)
{
	struct text body = TEXT_IN(s->bus.arena);
	struct dbus_call call = manager_call("Get", "ss");
	struct dbus_message reply;
	const char *type;

	call.interface = "org.freedesktop.DBus.Properties";
	dbus_put_string(&body, MANAGER);
	dbus_put_string(&body, name);
	if (bus_call(&s->bus, call, &body, deadline(s), &reply, e) < 0)
		return err_in(e, "ask systemd for its %s", name);
	if (reply.type == DBUS_ERROR)
		return refused(s, &reply, name, e);
	type = dbus_get_signature(&reply.body);
	*ret = dbus_get_string(&reply.body);
	if (strcmp(reply.signature, "v") != 0 || strcmp(type, "s") != 0 || reply.body.bad)
		return err_set(e, ERR_SYSTEM, "systemd's %s is not a string", name);
	return 0;
}

int systemd_control_group(struct systemd *s, const char **ret, struct err *e)
{
	if (get_property(s, "ControlGroup", ret, e) < 0)
		return -1;
	if (strcmp(*ret, "/") == 0)
		*ret = "";
	if (**ret && (**ret != '/' || strstr(*ret, "/../") || strchr(*ret, '\n')))
		return err_set(e, ERR_SYSTEM, "systemd's ControlGroup is not a path");
	return 0;
}

/* 257 of "257.9-1~deb13u1"; 0 where there is no number, or no property asks for one. */
static int get_version(struct systemd *s, const struct plan_cgroup *plan, unsigned *ret,
		       struct err *e)
{
	const char *text;
	bool asks = false;

	*ret = 0;
	for (size_t i = 0; i < plan->properties.count; i++)
		asks |= plan->properties.items[i].since > 0;
	if (!asks)
		return 0;
	if (get_property(s, "Version", &text, e) < 0)
		return -1;
	text += strcspn(text, "0123456789");
	*ret = (unsigned)strtoul(text, NULL, 10);
	return 0;
}

static void put_variant(struct text *t, const struct plan_unit_property *u)
{
	struct dbus_array bytes;

	dbus_put_signature(t, u->type == 'y' ? "ay" : (char[]){ u->type, '\0' });
	switch (u->type) {
	case 'b':
		dbus_put_bool(t, u->number);
		break;
	case 'i':
	case 'u':
		dbus_put_u32(t, (uint32_t)u->number);
		break;
	case 's':
		dbus_put_string(t, u->text);
		break;
	case 'y':
		bytes = dbus_array_begin(t, 1);
		text_add(t, (const char *)u->bytes, u->len);
		dbus_array_end(t, bytes);
		break;
	default:
		dbus_put_u64(t, u->number);
	}
}

static void put_pid(struct text *t, pid_t pid)
{
	struct dbus_array pids;

	dbus_put_padding(t, 8);
	dbus_put_string(t, "PIDs");
	dbus_put_signature(t, "au");
	pids = dbus_array_begin(t, 4);
	dbus_put_u32(t, (uint32_t)pid);
	dbus_array_end(t, pids);
}

static void put_properties(struct text *t, const struct plan_cgroup *plan, unsigned version)
{
	for (size_t i = 0; i < plan->properties.count; i++) {
		const struct plan_unit_property *u = &plan->properties.items[i];

		if (u->since > version)
			continue;
		dbus_put_padding(t, 8);
		dbus_put_string(t, u->name);
		put_variant(t, u);
	}
}

/* A job that has ended, as JobRemoved told. */
struct ended {
	const char *job, *result, *sender;
	const struct ended *next;
};

static const struct ended *read_ended(const struct dbus_message *m, const struct ended *before,
				      struct arena *a)
{
	struct dbus_reader body = m->body;
	struct ended *job;

	if (m->type != DBUS_SIGNAL || strcmp(m->member, "JobRemoved") != 0 ||
	    strcmp(m->interface, MANAGER) != 0 || strcmp(m->signature, "uoss") != 0)
		return before;
	job = arena_new(a, struct ended);
	(void)dbus_get_u32(&body);
	job->job = dbus_get_string(&body);
	(void)dbus_get_string(&body);
	job->result = dbus_get_string(&body);
	job->sender = m->sender;
	job->next = before;
	return body.bad ? before : job;
}

/*
 * Sends a call that starts a job and waits for the end of it; the signal may overtake the answer.
 * *ret is the job's result, or NULL when the answer, *reply, is an error.
 */
static int run_job(struct systemd *s, struct dbus_call call, const struct text *body,
		   const char **ret, struct dbus_message *reply, struct err *e)
{
	const struct ended *all = NULL;
	const char *job = NULL;
	int64_t end = deadline(s);
	struct dbus_message m;

	if (bus_send(&s->bus, call, body, end, e) < 0)
		return -1;
	for (;;) {
		if (bus_receive(&s->bus, end, &m, e) < 0)
			return -1;
		all = read_ended(&m, all, s->bus.arena);
		if (m.type != DBUS_SIGNAL && m.type != DBUS_CALL && m.reply_to == s->bus.serial) {
			*reply = m;
			*ret = NULL;
			if (m.type == DBUS_ERROR)
				return 0;
			job = dbus_get_string(&m.body);
			if (m.body.bad || strcmp(m.signature, "o") != 0)
				return err_set(e, ERR_SYSTEM, "systemd's answer names no job");
		}
		for (const struct ended *j = job ? all : NULL; j; j = j->next) {
			if (strcmp(j->job, job) == 0 && strcmp(j->sender, reply->sender) == 0) {
				*ret = j->result;
				return 0;
			}
		}
		if (fd_now_ms() >= end)
			return err_sys_code(e, ETIMEDOUT, "systemd's job %.80s", job ? job : "");
	}
}

/* What it says is not asked for: the unit may not exist, or not have failed. */
static int reset_failed(struct systemd *s, const char *unit, struct err *e)
{
	struct text body = TEXT_IN(s->bus.arena);
	struct dbus_message reply;

	dbus_put_string(&body, unit);
	return bus_call(&s->bus, manager_call("ResetFailedUnit", "s"), &body, deadline(s), &reply,
			e);
}

static int start_once(struct systemd *s, const struct plan_cgroup *plan, unsigned version,
		      pid_t pid, struct err *e)
{
	struct text body = TEXT_IN(s->bus.arena);
	struct dbus_array properties;
	struct dbus_message reply;
	const char *result;
	struct err ignored;

	dbus_put_string(&body, plan->unit);
	dbus_put_string(&body, "replace");
	properties = dbus_array_begin(&body, 8);
	put_properties(&body, plan, version);
	put_pid(&body, pid);
	dbus_array_end(&body, properties);
	dbus_array_end(&body, dbus_array_begin(&body, 8));	/* no other units */
	if (run_job(s, manager_call("StartTransientUnit", "ssa(sv)a(sa(sv))"), &body, &result,
		    &reply, e) < 0) {
		if (e->code == ETIMEDOUT)
			return err_in(e, "Timeout waiting for systemd to create %s", plan->unit);
		return err_in(e, "start unit %s", plan->unit);
	}
	if (!result) {
		(void)refused(s, &reply, "unable to start unit", e);
		(void)err_in(e, "%s", plan->unit);
		return strcmp(reply.error, unit_exists) == 0 ? UNIT_EXISTS : -1;
	}
	if (strcmp(result, "done") == 0)
		return 0;
	(void)reset_failed(s, plan->unit, &ignored);
	return err_set(e, ERR_SYSTEM, "unable to create systemd unit \"%s\" (got \"%.40s\")",
		       plan->unit, result);
}

int systemd_start_scope(struct systemd *s, const struct plan_cgroup *plan, pid_t pid,
			struct err *e)
{
	unsigned version;
	int r;

	if (get_version(s, plan, &version, e) < 0)
		return -1;
	r = start_once(s, plan, version, pid, e);
	if (r != UNIT_EXISTS)
		return r;
	if (reset_failed(s, plan->unit, e) < 0)
		return -1;
	r = start_once(s, plan, version, pid, e);
	return r == UNIT_EXISTS ? err_hint(e, "another container or service has that name; see "
					   "systemctl status %s", plan->unit) : r;
}

int systemd_set_properties(struct systemd *s, const struct plan_cgroup *plan, struct err *e)
{
	struct text body = TEXT_IN(s->bus.arena);
	struct dbus_array properties;
	struct dbus_message reply;
	unsigned version;

	if (get_version(s, plan, &version, e) < 0)
		return -1;
	dbus_put_string(&body, plan->unit);
	dbus_put_bool(&body, true);	/* until it ends: not in a file */
	properties = dbus_array_begin(&body, 8);
	put_properties(&body, plan, version);
	dbus_array_end(&body, properties);
	if (bus_call(&s->bus, manager_call("SetUnitProperties", "sba(sv)"), &body, deadline(s),
		     &reply, e) < 0)
		return err_in(e, "limits of unit %s", plan->unit);
	if (reply.type != DBUS_ERROR)
		return 0;
	refused(s, &reply, plan->unit, e);
	e->code = strcmp(reply.error, no_such_unit) == 0 ? ENOENT : 0;
	return -1;
}

int systemd_attach(struct systemd *s, const char *unit, const char *below, pid_t pid,
		   struct err *e)
{
	struct text body = TEXT_IN(s->bus.arena);
	struct dbus_message reply;
	struct dbus_array pids;

	dbus_put_string(&body, unit);
	dbus_put_string(&body, below);
	pids = dbus_array_begin(&body, 4);
	dbus_put_u32(&body, (uint32_t)pid);
	dbus_array_end(&body, pids);
	if (bus_call(&s->bus, manager_call("AttachProcessesToUnit", "ssau"), &body, deadline(s),
		     &reply, e) < 0)
		return err_in(e, "attach to unit %s", unit);
	return reply.type == DBUS_ERROR ? refused(s, &reply, unit, e) : 0;
}

int systemd_stop(struct systemd *s, const char *unit, struct err *e)
{
	struct text body = TEXT_IN(s->bus.arena);
	struct dbus_message reply;
	const char *result;

	dbus_put_string(&body, unit);
	dbus_put_string(&body, "replace");
	if (run_job(s, manager_call("StopUnit", "ss"), &body, &result, &reply, e) < 0)
		return err_in(e, "stop unit %s", unit);
	if (!result && strcmp(reply.error, no_such_unit) == 0)
		return 0;
	if (!result)
		return refused(s, &reply, unit, e);
	if (reset_failed(s, unit, e) < 0)
		return -1;
	return strcmp(result, "done") == 0 ? 0 :
	       err_set(e, ERR_SYSTEM, "unable to stop systemd unit \"%s\" (got \"%.40s\")", unit,
		       result);
}
