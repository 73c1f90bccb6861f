/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. Looking over a group that was cut off: what is open in it (scan_tables, scan_open),
 * what leads past the cut (scan_judge, scan_doors), and what can be closed at its network namespace
 * (scan_net).
 */
#include "guard/scan.h"

#include <netinet/in.h>

#include "engine/cgroup_dir.h"
#include "guard/freeze.h"
#include "guard/outcome.h"
#include "guard/scan_doors.h"
#include "guard/scan_judge.h"
#include "guard/scan_net.h"
#include "guard/scan_rights.h"
#include "orlop/auto.h"

enum { BUDGET_MS = 1000, NS_PER_MS = 1000000 };

/* Whoever goes on and may make packet sockets will. */
static void find_raw(struct scan *s, enum raw_right right, pid_t pid)
{
	if (right == RAW_NONE)
		return;
	scan_find(s, "capability", pid, -1, s->cut ? GUARD_HELD_CUT : GUARD_HELD_OPEN,
		  right == RAW_HELD ?
			  "CAP_NET_RAW: it may make packet sockets while it is observed" :
			  "CAP_NET_RAW: it is root, may gain it by executing a program, and make "
			  "packet sockets while it is observed");
}

static void sever(struct scan *s, const struct sockdiag_inets *inets)
{
	enum { ESTABLISHED = 1, LISTENING = 10 };
	struct guard_mechanism *line = outcome_line(s->report, s->arena);
	size_t ended = 0, failed = 0;

	*line = (struct guard_mechanism){ "sever", GUARD_FAILED, "the kernel does not tell what "
					  "connections there are: see sock-diag" };
	if (!s->told_inet)
		return;
	for (size_t i = 0; i < inets->count; i++) {
		const struct sockdiag_inet *inet = &inets->items[i];

		if (inet->protocol != IPPROTO_TCP || inet->state == LISTENING ||
		    !judge_is_own(s, inet->cgroup))
			continue;
		if (sockdiag_destroy(s->diag, inet) == 0)
			ended++;
		else if (errno != ENOENT)
			failed++;
	}
	*line = (struct guard_mechanism){
		"sever", failed ? GUARD_FAILED : GUARD_APPLIED,
		arena_printf(s->arena, "%zu ended, %zu could not be", ended, failed),
	};
}

/*
 * A kernel without it is no failure: then each socket of which that leaves something unknown is a
 * finding, and held by something else or open.
 */
static void untold(struct scan *s, int code)
{
	bool lacks = code == ENOENT || code == EPROTONOSUPPORT || code == EAFNOSUPPORT;

	outcome_add(s->report, s->arena, "sock-diag", lacks ? GUARD_UNSUPPORTED : GUARD_FAILED,
		    arena_printf(s->arena, "the kernel does not tell whose sockets there are: "
				 "%s%s: %s", s->no_diag ? s->no_diag : "sock_diag", lacks ?
				 " (modules tcp_diag, udp_diag, unix_diag)" : "",
				 err_errno_text(code)));
}

static void ask_diag(struct scan *s, bool inet, bool unixes_too, struct sockdiag_inets *inets,
		     struct sockdiag_unixes *unixes)
{
	int code = 0;

	if (s->diag < 0) {
		if (inet || unixes_too)
			untold(s, s->no_diag_code);
		return;
	}
	if (inet) {
		s->told_inet = sockdiag_inet(s->diag, 0, s->arena, inets) == 0 && !inets->lacking;
		code = s->told_inet ? 0 : inets->lacking ? ENOENT : errno;
	}
	if (unixes_too) {
		s->told_unix = sockdiag_unix(s->diag, s->arena, unixes) == 0;
		code = s->told_unix ? code : errno;
	}
	if (code)
		untold(s, code);
}

static void look(struct scan *s, bool severs, struct journal *j)
{
	struct sockdiag_inets inets = { 0 };
	struct sockdiag_unixes unixes = { 0 };
	bool any_inet = severs, any_unix = false, interfaces;
	enum raw_right raw = RAW_NONE;
	pid_t raw_pid = 0;

	scan_open(s);
	if (severs || s->observe)
		scan_net_open(s);
	for (size_t i = 0; i < s->socket_count; i++) {
		int family = s->sockets[i].family;

		any_inet |= s->sockets[i].hidden || family == AF_INET || family == AF_INET6;
		any_unix |= s->sockets[i].hidden || family == AF_UNIX;
	}
	ask_diag(s, any_inet, any_unix, &inets, &unixes);
	for (size_t i = 0; i < s->socket_count; i++)
		judge_hidden(&s->sockets[i], &inets, &unixes);
	if (s->observe)
		raw = rights_raw(&s->tables->pids, &raw_pid);
	interfaces = raw != RAW_NONE;
	for (size_t i = 0; i < s->socket_count; i++)
		interfaces |= judge_needs_interfaces(s, &s->sockets[i], &inets);
	if (interfaces && s->netns >= 0)
		scan_net_cut(s, j);
	if (severs)
		sever(s, &inets);
	for (size_t i = 0; i < s->socket_count; i++)
		judge_socket(s, &s->sockets[i], &inets, &unixes);
	find_raw(s, raw, raw_pid);
	scan_doors(s);
}

void scan_group(const struct held *h, const struct guard_request *request,
		struct tables_run *run, struct journal *j, struct arena *a,
		struct guard_report *report)
{
	const struct guard_mechanism *freeze = outcome_find(report, "freeze");
	struct scan *s = arena_new(a, struct scan);
	bool settled = freeze && freeze->outcome == GUARD_APPLIED;

	s->held = h;
	s->observe = request->observe;
	s->still = !request->observe && settled;
	s->uncut = !outcome_is_cut(report);
	s->netns = s->diag = -1;
	s->arena = a;
	s->report = report;
	s->tables = tables_end(run, settled, freeze_now() + (uint64_t)BUDGET_MS * NS_PER_MS);
	if (s->tables->failed) {
		outcome_add(report, a, "scan", GUARD_FAILED,
			    arena_strdup(a, s->tables->error.text));
		return;
	}
	look(s, request->sever, j);
	auto_close_fd(&s->diag);
	auto_close_fd(&s->netns);
	outcome_add(report, a, "scan", GUARD_APPLIED,
		   arena_printf(a, "%zu processes, %zu sockets", s->tables->pids.count,
				s->socket_count));
}
