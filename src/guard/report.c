/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of evidence as one page: what happened when, who ran, who talked to whom, what was changed,
 * what is not there. No script, no picture, nothing from elsewhere; everything from the set is
 * escaped. The page says itself, first of all, whether the set is what it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "guard/report_page.h"
#include "orlop/auto.h"
#include "orlop/evidence.h"

enum { SHOWN_MAX = 2000, DEPTH_MAX = 64 };

/* ---- the parts --------------------------------------------------------------------------- */

static const struct node *finding_of(const struct node *findings, uint64_t pid)
{
	for (const struct node *n = findings->first; n; n = n->next)
		if (page_truth(n, "drift") && page_number(n, "pid") == pid)
			return n;
	return NULL;
}

static size_t count_drift(const struct node *findings)
{
	size_t count = 0;

	for (const struct node *n = findings->first; n; n = n->next)
		count += page_truth(n, "drift");
	return count;
}

static void show_check(struct page *p, const struct evidence_check *check)
{
	if (!check->differences.count) {
		text_printf(&p->t, "<p class=good><b>Unchanged.</b> %llu files, %llu bytes. "
			    "Merkle root <code>%s</code></p>\n", (unsigned long long)check->files,
			    (unsigned long long)check->bytes, check->root);
		return;
	}
	page_raw(p, "<div class=bad><b>Changed since it was taken.</b> Do not rely on what follows.<ul>\n");
	for (size_t i = 0; i < check->differences.count; i++) {
		page_raw(p, "<li class=m>");
		page_words(p, check->differences.items[i]);
		page_raw(p, "</li>\n");
	}
	page_raw(p, "</ul></div>\n");
}

static void show_missing(struct page *p, const struct node *story)
{
	const struct node *problems = doc_find(story, "problems");

	page_head(p, "missing", "What could not be had");
	if (!page_truth(story, "complete")) {
		page_raw(p, "<p class=bad><b>Partial:</b> ");
		page_words(p, page_str(story, "stopped"));
		page_raw(p, "</p>\n");
	}
	if (!page_truth(story, "still"))
		page_raw(p, "<p class=bad><b>Not everybody stood still.</b> Files marked <code>live</code> "
		       "may contradict one another.</p>\n");
	if (page_truth(story, "ioUring"))
		page_raw(p, "<p class=bad><b>Somebody has an io_uring.</b> The kernel may have written to "
		       "its memory although the container was frozen.</p>\n");
	if (!problems || !problems->len) {
		page_raw(p, "<p>No problems were met.</p>\n");
		return;
	}
	page_raw(p, "<table><tr><th>Where</th><th>What</th></tr>\n");
	for (const struct node *n = problems->first; n; n = n->next) {
		page_raw(p, "<tr>");
		page_cell(p, page_str(n, "where"));
		page_cell(p, page_str(n, "what"));
		page_raw(p, "</tr>\n");
	}
	page_raw(p, "</table>\n");
}

static void moment(struct page *p, uint64_t when, const char *what, const char *detail)
{
	if (!when)
		return;
	page_raw(p, "<tr>");
	page_cell_time(p, when);
	page_raw(p, "<td>");
	page_words(p, what);
	page_raw(p, "</td><td>");
	page_words(p, detail);
	page_raw(p, "</td></tr>\n");
}

/* "2026-11-29T15:26:52.985923470Z" in the way of the other ones. */
static void moment_text(struct page *p, const char *when, const char *what, const char *detail)
{
	char *text = arena_strdup(p->a, when);

	if (!*when)
		return;
	if (strlen(text) > 26) {
		text[10] = ' ';
		text[26] = '\0';
	}
	text[strcspn(text, "Z")] = '\0';
	page_raw(p, "<tr><td class=t>");
	page_words(p, text);
	page_raw(p, "</td><td>");
	page_words(p, what);
	page_raw(p, "</td><td>");
	page_words(p, detail);
	page_raw(p, "</td></tr>\n");
}

static void show_story(struct page *p, const struct node *story)
{
	const struct node *stages = doc_find(story, "stages");
	const struct node *held = doc_find(story, "remediation");

	page_head(p, "when", "What happened when (UTC)");
	page_raw(p, "<table><tr><th>Time</th><th>What</th><th></th></tr>\n");
	moment_text(p, page_str(story, "created"), "the container was created", "");
	if (held)
		moment_text(p, page_str(held, "since"), "quarantine",
			    arena_printf(p->a, "%s, %s%s%s", page_str(held, "quarantine"),
					 page_str(held, "mode"), *page_str(held, "reason") ? ": " : "",
					 page_str(held, "reason")));
	moment(p, page_number(story, "began"), "taking evidence began", "");
	moment(p, page_number(story, "freezeAsked"), "asked to stand still",
	       page_truth(story, "frozenBefore") ? "it was asked to before" : "");
	if (page_truth(story, "still"))
		moment(p, page_number(story, "freezeKnown"), "everybody stands still", "");
	for (const struct node *n = stages ? stages->first : NULL; n; n = n->next)
		moment(p, page_number(n, "began"), page_str(n, "stage"),
		       arena_printf(p->a, "%s, %llu bytes", page_str(n, "result"),
				    (unsigned long long)page_number(n, "bytes")));
	moment(p, page_number(story, "thawed"), "let go",
	       arena_printf(p->a, "held for %llu microseconds",
			    (unsigned long long)page_number(story, "heldNs") / 1000));
	moment(p, page_number(story, "ended"), "taking evidence ended",
	       page_number(story, "thawed") ? "" : "it stays as it was before");
	page_raw(p, "</table>\n");
}

static bool is_suspicious(const char *exe)
{
	return strstr(exe, " (deleted)") || strstr(exe, "memfd:");
}

static bool is_drifted(const struct page *p, const struct node *n)
{
	return p->drift && finding_of(p->drift, page_number(n, "pid"));
}

static void show_process(struct page *p, const struct node *n)
{
	text_printf(&p->t, "<b>%llu</b> ", (unsigned long long)page_number(n, "pid"));
	page_words(p, page_str(n, "name"));
	text_printf(&p->t, " <span class=dim>uid %llu, %llu threads, ",
		    (unsigned long long)page_number(n, "uid"), (unsigned long long)page_number(n, "threads"));
	page_words(p, page_str(n, "state"));
	page_raw(p, "</span>");
	if (is_suspicious(page_str(n, "exe")))
		page_raw(p, " <span class=tag>runs what has no file</span>");
	else if (is_drifted(p, n))
		page_raw(p, " <a class=tag href=#drift>runs code that is not in the image</a>");
	if (!page_truth(n, "still"))
		page_raw(p, " <span class=tag>not frozen</span>");
	page_raw(p, "<br><span class=\"m dim\">");
	page_words(p, page_str(n, "exe"));
	page_raw(p, "</span><code class=cut>");
	page_words(p, page_str(n, "cmdline"));
	page_raw(p, "</code>\n");
}

static bool is_in(const struct node *table, uint64_t pid)
{
	for (const struct node *n = table->first; n; n = n->next)
		if (page_number(n, "pid") == pid)
			return true;
	return false;
}

static void show_below(struct page *p, const struct node *table, uint64_t parent, unsigned depth,
		       unsigned *shown)
{
	bool open = false;

	for (const struct node *n = table->first; n && depth < DEPTH_MAX; n = n->next) {
		bool top = parent == 0 && !is_in(table, page_number(n, "ppid"));

		if (!top && (parent == 0 || page_number(n, "ppid") != parent))
			continue;
		if (++*shown > SHOWN_MAX)
			break;
		page_raw(p, open ? "" : "<ul class=tree>\n");
		open = true;
		page_raw(p, "<li>");
		show_process(p, n);
		show_below(p, table, page_number(n, "pid"), depth + 1, shown);
		page_raw(p, "</li>\n");
	}
	page_raw(p, open ? "</ul>\n" : "");
}

static void show_processes(struct page *p)
{
	auto_doc doc = DOC_NONE;
	unsigned shown = 0;

	page_head(p, "processes", "Processes");
	if (page_doc(p, "processes.json", &doc) < 0 || doc.root->type != NODE_ARRAY) {
		page_raw(p, "<p>There is no table of processes.</p>\n");
		return;
	}
	page_raw(p, "<section>");
	show_below(p, doc.root, 0, 0, &shown);
	page_raw(p, "</section>");
	if (shown > SHOWN_MAX)
		page_raw(p, "<p>The rest stands in <code>processes.json</code>.</p>\n");
}

static void show_finding(struct page *p, const struct node *n)
{
	const char *detail = page_str(n, "detail");

	if (doc_find(n, "protocol"))
		detail = arena_printf(p->a, "listens at %s %s port %s: %s", page_str(n, "protocol"),
				      page_str(n, "address"), page_str(n, "port"), detail);
	/* A file that nobody runs is no process's. */
	text_printf(&p->t, "<tr><td class=n>%s</td>",
		    doc_find(n, "pid") ? arena_printf(p->a, "%llu", (unsigned long long)
						      page_number(n, "pid")) : "");
	page_cell(p, page_str(n, "name"));
	page_raw(p, page_truth(n, "drift") ? "<td><span class=tag>" : "<td><span>");
	page_words(p, page_str(n, "kind"));
	page_raw(p, "</span></td>");
	page_cell(p, page_str(n, "path"));
	page_cell(p, detail);
	page_raw(p, "</tr>\n");
}

/* Those that are drift, or those that are not. */
static void show_findings(struct page *p, const struct node *findings, bool drift)
{
	page_raw(p, "<table><tr><th class=n>Process</th><th>Name</th><th>Kind</th><th>File</th><th></th>"
		    "</tr>\n");
	for (const struct node *n = findings->first; n; n = n->next)
		if (page_truth(n, "drift") == drift)
			show_finding(p, n);
	page_raw(p, "</table>\n");
}

static void show_sentences(struct page *p, const struct node *list, const char *title)
{
	for (const struct node *n = list && list->type == NODE_ARRAY ? list->first : NULL; n;
	     n = n->next) {
		text_printf(&p->t, "<p><b>%s</b> ", title);
		page_words(p, n->type == NODE_STRING ? n->text : "");
		page_raw(p, "</p>\n");
	}
}

static void show_drift(struct page *p)
{
	auto_doc doc = DOC_NONE;
	const struct node *findings;
	size_t drifted;

	page_head(p, "drift", "Code that is not in the image");
	if (page_doc(p, "drift.json", &doc) < 0 ||
	    !(findings = doc_find(doc.root, "findings")) || findings->type != NODE_ARRAY) {
		page_raw(p, "<p>It was not looked for.</p>\n");
		return;
	}
	drifted = count_drift(findings);
	if (drifted)
		show_findings(p, findings, true);
	else
		page_raw(p, "<p>None was found.</p>\n");
	if (findings->len > drifted) {
		text_printf(&p->t, "<details><summary>%zu more that the image did not bring, and that may "
			    "be harmless</summary>\n", findings->len - drifted);
		show_findings(p, findings, false);
		page_raw(p, "</details>\n");
	}
	show_sentences(p, doc_find(doc.root, "notKnown"), "Not known:");
	show_sentences(p, doc_find(doc.root, "how"), "How it was judged:");
}

static void show_socket(struct page *p, const struct node *n)
{
	const struct node *owners = doc_find(n, "owners");
	bool connected = doc_find(n, "received");

	page_raw(p, "<tr>");
	page_cell(p, page_str(n, "protocol"));
	page_cell(p, page_str(n, "here"));
	page_cell(p, page_str(n, "there"));
	page_cell(p, page_str(n, "state"));
	if (doc_find(n, "backlog")) {
		text_printf(&p->t, "<td class=n colspan=4>%llu of %llu wait to be accepted</td>",
			    (unsigned long long)page_number(n, "waiting"),
			    (unsigned long long)page_number(n, "backlog"));
	} else {
		page_cell_number(p, page_number(n, "unread"));
		page_cell_number(p, page_number(n, "unsent"));
	}
	if (connected) {
		page_cell_number(p, page_number(n, "sent"));
		page_cell_number(p, page_number(n, "received"));
	} else if (!doc_find(n, "backlog")) {
		page_raw(p, "<td></td><td></td>");
	}
	page_raw(p, "<td class=m>");
	for (const struct node *o = owners && owners->type == NODE_ARRAY ? owners->first : NULL; o;
	     o = o->next)
		text_printf(&p->t, "%s%llu fd %llu", o == owners->first ? "" : ", ",
			    (unsigned long long)page_number(o, "pid"),
			    (unsigned long long)page_number(o, "fd"));
	page_raw(p, "</td></tr>\n");
}

static void show_namespace(struct page *p, const char *name)
{
	auto_doc doc = DOC_NONE;
	unsigned shown = 0;

	text_puts(&p->t, "<h3 class=m>");
	page_words(p, name);
	page_raw(p, "</h3>");
	if (page_doc(p, arena_printf(p->a, "sockets/%s/diag.json", name), &doc) < 0 ||
	    doc.root->type != NODE_ARRAY) {
		page_raw(p, "<p>The kernel did not tell; its tables may be in the set.</p>\n");
		return;
	}
	if (!doc.root->len) {
		page_raw(p, "<p>No TCP or UDP sockets.</p>\n");
		return;
	}
	page_raw(p, "<table><tr><th></th><th>Here</th><th>There</th><th>State</th>"
		    "<th class=n>Unread</th><th class=n>Unsent</th><th class=n>Sent</th>"
		    "<th class=n>Received</th><th>Of process</th></tr>\n");
	for (const struct node *n = doc.root->first; n && shown++ < SHOWN_MAX; n = n->next)
		show_socket(p, n);
	page_raw(p, "</table>\n");
	if (shown > SHOWN_MAX)
		text_printf(&p->t, "<p>The rest stands in <code>sockets/%s/diag.json</code>.</p>\n",
			    name);
}

static void show_queues(struct page *p)
{
	auto_doc doc = DOC_NONE;

	if (page_doc(p, "sockets/queues.json", &doc) < 0)
		return;
	page_raw(p, "<h3>What stood in queues</h3><table><tr><th class=n>Process</th><th>Socket</th>"
		    "<th class=n>Unread</th><th class=n>taken</th><th class=n>Unsent</th>"
		    "<th class=n>taken</th><th></th></tr>\n");
	for (const struct node *n = doc.root->type == NODE_ARRAY ? doc.root->first : NULL; n;
	     n = n->next) {
		page_raw(p, "<tr>");
		page_cell_number(p, page_number(n, "pid"));
		page_cell(p, page_str(n, "socket"));
		page_cell_number(p, page_number(n, "unread"));
		page_cell_number(p, page_number(n, "unreadTaken"));
		page_cell_number(p, page_number(n, "unsent"));
		page_cell_number(p, page_number(n, "unsentTaken"));
		page_cell(p, page_str(n, "why"));
		page_raw(p, "</tr>\n");
	}
	page_raw(p, "</table>\n");
}

static void show_sockets(struct page *p)
{
	int fd = file_open(p->dir, "sockets", O_RDONLY | O_DIRECTORY);
	auto_dir DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	page_head(p, "sockets", "Sockets");
	if (!listing)
		page_raw(p, "<p>There are no tables of sockets.</p>\n");
	while (listing && (entry = readdir(listing)))
		if (strncmp(entry->d_name, "net-", 4) == 0)
			show_namespace(p, arena_strdup(p->a, entry->d_name));
	show_queues(p);
}

static void show_changes(struct page *p)
{
	auto_doc doc = DOC_NONE;
	unsigned shown = 0;

	page_head(p, "files", "Files that were changed");
	if (page_doc(p, "changes.json", &doc) < 0 || doc.root->type != NODE_ARRAY) {
		page_raw(p, "<p>Changed files were not taken.</p>\n");
		return;
	}
	if (!doc.root->len)
		page_raw(p, "<p>None.</p>\n");
	else
		page_raw(p, "<table><tr><th>Path</th><th>Kind</th><th class=n>Size</th>"
			    "<th class=n>Mode</th><th class=n>Owner</th><th>Modified (UTC)</th></tr>\n");
	for (const struct node *n = doc.root->first; n && shown++ < SHOWN_MAX; n = n->next) {
		unsigned mode = (unsigned)page_number(n, "mode");
		bool file = strcmp(page_str(n, "kind"), "file") == 0;

		page_raw(p, "<tr>");
		page_cell(p, page_str(n, "path"));
		page_raw(p, "<td>");
		page_words(p, page_str(n, "kind"));
		page_raw(p, file && (mode & 06000) ? " <span class=tag>setuid</span>" :
		       file && (mode & 0111) ? " <span class=tag>program</span>" : "");
		page_raw(p, "</td>");
		page_cell_number(p, page_number(n, "size"));
		text_printf(&p->t, "<td class=n>%04o</td>", mode);
		page_cell_number(p, page_number(n, "uid"));
		page_cell_time(p, page_number(n, "modified") * 1000000000u);
		page_raw(p, "</tr>\n");
	}
	page_raw(p, doc.root->len ? "</table>\n" : "");
	if (shown > SHOWN_MAX)
		page_raw(p, "<p>The rest stands in <code>changes.json</code>.</p>\n");
}

static void show_manifest(struct page *p)
{
	auto_doc doc = DOC_NONE;
	const struct node *files;
	unsigned shown = 0;

	page_head(p, "set", "What is in the set");
	if (page_doc(p, "manifest.json", &doc) < 0 || !(files = doc_find(doc.root, "files"))) {
		page_raw(p, "<p>There is no manifest that can be read.</p>\n");
		return;
	}
	page_raw(p, "<table><tr><th>File</th><th class=n>Size</th><th>Consistency</th><th>SHA-256</th></tr>\n");
	for (const struct node *n = files->type == NODE_ARRAY ? files->first : NULL;
	     n && shown++ < SHOWN_MAX; n = n->next) {
		page_raw(p, "<tr>");
		page_cell(p, page_str(n, "path"));
		page_cell_number(p, page_number(n, "size"));
		page_raw(p, "<td>");
		page_words(p, page_str(n, "consistency"));
		page_raw(p, " ");
		page_words(p, page_str(n, "error"));
		page_raw(p, "</td>");
		page_cell(p, page_str(n, "sha256"));
		page_raw(p, "</tr>\n");
	}
	page_raw(p, "</table>\n");
}

/* ---- at a glance --------------------------------------------------------------------------- */

static void figure(struct page *p, const char *to, bool hot, uint64_t n, const char *what)
{
	text_printf(&p->t, "<a href=#%s%s><b>%llu</b>%s</a>\n", to, hot ? " class=hot" : "",
		    (unsigned long long)n, what);
}

static void glance_files(struct page *p)
{
	auto_doc doc = DOC_NONE;
	uint64_t programs = 0;

	if (page_doc(p, "changes.json", &doc) < 0 || doc.root->type != NODE_ARRAY)
		return;
	for (const struct node *n = doc.root->first; n; n = n->next)
		programs += strcmp(page_str(n, "kind"), "file") == 0 && page_number(n, "mode") & 06111;
	figure(p, "files", false, doc.root->len, "changed files");
	figure(p, "files", programs > 0, programs, "of them programs");
}

static void glance_sockets(struct page *p)
{
	int fd = file_open(p->dir, "sockets", O_RDONLY | O_DIRECTORY);
	auto_dir DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	uint64_t listens = 0, connected = 0;
	struct dirent *entry;

	while (listing && (entry = readdir(listing))) {
		auto_doc doc = DOC_NONE;

		if (strncmp(entry->d_name, "net-", 4) != 0 ||
		    page_doc(p, arena_printf(p->a, "sockets/%s/diag.json", entry->d_name), &doc) < 0 ||
		    doc.root->type != NODE_ARRAY)
			continue;
		for (const struct node *n = doc.root->first; n; n = n->next) {
			listens += doc_find(n, "backlog") != NULL;
			connected += strcmp(page_str(n, "state"), "established") == 0;
		}
	}
	if (!listing)
		return;
	figure(p, "sockets", false, connected, "ends of connections");
	figure(p, "sockets", false, listens, "that listen");
}

static void show_glance(struct page *p, const struct node *story)
{
	const struct node *problems = doc_find(story, "problems");
	size_t drifted = p->drift ? count_drift(p->drift) : 0;
	uint64_t missing = problems ? problems->len + page_number(story, "moreProblems") : 0;

	page_raw(p, "<div class=glance>\n");
	figure(p, "processes", !page_truth(story, "still"), page_number(story, "processes"),
	       page_truth(story, "still") ? "processes, all frozen" : "processes, not all frozen");
	if (p->drift)
		figure(p, "drift", drifted > 0, drifted, "findings of code that is not in the image");
	glance_sockets(p);
	glance_files(p);
	figure(p, "missing", !page_truth(story, "complete"), missing,
	       page_truth(story, "complete") ? "things could not be had" : "problems, and it is partial");
	page_raw(p, "</div>\n");
}

const char *evidence_report(const char *directory, struct arena *a, struct err *e)
{
	struct page p = { .t = TEXT_IN(a), .a = a };
	struct evidence_check check;
	auto_doc story = DOC_NONE, drift = DOC_NONE;
	auto_fd int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	p.dir = dir;
	if (dir < 0) {
		err_sys(e, "evidence \"%.200s\"", directory);
		if (e->code == ENOTDIR)
			err_hint(e, "unpack it first: tar -xpf FILE -C DIR");
		return NULL;
	}
	if (evidence_verify(directory, a, &check, e) < 0)
		return NULL;
	if (page_doc(&p, "capture.json", &story) < 0) {
		err_set(e, ERR_STATE, "evidence \"%.200s\": it has no capture.json that can be read",
			directory);
		return NULL;
	}
	if (page_doc(&p, "drift.json", &drift) == 0) {
		p.drift = doc_find(drift.root, "findings");
		if (p.drift && p.drift->type != NODE_ARRAY)
			p.drift = NULL;
	}
	page_raw(&p, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
		"<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n"
		"<meta name=viewport content=\"width=device-width\">\n<title>Evidence of ");
	page_words(&p, page_str(story.root, "id"));
	page_raw(&p, "</title>\n");
	page_style(&p);
	page_raw(&p, "</head><body>\n<h1>Evidence of <code>");
	page_words(&p, page_str(story.root, "id"));
	page_raw(&p, "</code></h1>\n<p class=dim>bundle <code>");
	page_words(&p, page_str(story.root, "bundle"));
	page_raw(&p, "</code>, taken with ");
	page_words(&p, page_str(story.root, "tool"));
	page_raw(&p, ". Whoever has this page has what the container had in its arguments.</p>\n"
		"<nav><a href=#missing>Missing</a><a href=#when>When</a><a href=#processes>Processes"
		"</a><a href=#drift>Drift</a><a href=#sockets>Sockets</a><a href=#files>Files</a><a href=#set>The set</a>"
		"</nav>\n");
	show_check(&p, &check);
	show_glance(&p, story.root);
	show_missing(&p, story.root);
	show_story(&p, story.root);
	show_processes(&p);
	show_drift(&p);
	show_sockets(&p);
	show_changes(&p);
	show_manifest(&p);
	page_raw(&p, "</body></html>\n");
	return text_get(&p.t);
}
