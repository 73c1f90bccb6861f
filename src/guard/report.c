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
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "guard/html.h"
#include "json/doc.h"
#include "orlop/auto.h"
#include "orlop/evidence.h"

enum { WORD = 400, LONG = 4000, SHOWN_MAX = 2000, DEPTH_MAX = 64 };

static const char style[] =
	"<style>\n"
	"body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;"
	"color:#1b1f24;background:#fff}\n"
	"h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem;"
	"border-bottom:1px solid #d0d7de;padding-bottom:.2rem}\n"
	"table{border-collapse:collapse;width:100%;table-layout:auto}\n"
	"th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e6e9ec;"
	"vertical-align:top}th{font-weight:600;background:#f6f8fa}\n"
	"td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
	"code,.m{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}\n"
	".good,.bad{padding:.6rem .8rem;border-left:.4rem solid;margin:1rem 0}\n"
	".good{border-color:#1a7f37;background:#eaf7ee}.bad{border-color:#cf222e;background:#fdeeee}\n"
	".tag{background:#fff3cd;padding:0 .35rem;border-radius:.2rem;white-space:nowrap}\n"
	"ul.tree{list-style:none;padding-left:1.2rem;border-left:1px solid #d0d7de;margin:.2rem 0}\n"
	"body>ul.tree{border:0;padding:0}.dim{color:#57606a}nav a{margin-right:1rem}\n"
	"@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}"
	"th{background:#161b22}th,td,h2{border-color:#30363d}.good{background:#0f2417}"
	".bad{background:#2d1214}.tag{background:#4a3b00}.dim{color:#9198a1}a{color:#79b8ff}}\n"
	"</style>\n";

struct page {
	struct text t;
	struct arena *a;
	int dir;
};

/* ---- small things ------------------------------------------------------------------------ */

static int read_doc(struct page *p, const char *name, struct doc *ret)
{
	struct err ignored;
	size_t len = 0;
	auto_fd int fd = file_open(p->dir, name, O_RDONLY | O_NONBLOCK);
	const char *text = fd < 0 ? NULL : fd_read_text(fd, DOC_SIZE_MAX, p->a, &len);

	return text ? doc_read(name, text, len, p->a, ret, &ignored) : -1;
}

static const char *str(const struct node *n, const char *key)
{
	const struct node *member = doc_find(n, key);

	return member && (member->type == NODE_STRING || member->type == NODE_NUMBER)
		? member->text : "";
}

static uint64_t number(const struct node *n, const char *key)
{
	return strtoull(str(n, key), NULL, 10);
}

static bool truth(const struct node *n, const char *key)
{
	const struct node *member = doc_find(n, key);

	return member && member->type == NODE_BOOL && member->truth;
}

static void raw(struct page *p, const char *markup)
{
	text_puts(&p->t, markup);
}

static void words(struct page *p, const char *s)
{
	html_text(&p->t, s, WORD);
}

static void cell(struct page *p, const char *s)
{
	raw(p, "<td class=m>");
	html_text(&p->t, s, LONG);
	raw(p, "</td>");
}

static void cell_number(struct page *p, uint64_t n)
{
	text_printf(&p->t, "<td class=n>%llu</td>", (unsigned long long)n);
}

static void cell_time(struct page *p, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	char text[40] = "";
	struct tm tm;

	if (ns && gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	if (ns)
		text_printf(&p->t, "<td class=n>%s.%06llu</td>", text,
			    (unsigned long long)(ns / 1000 % 1000000));
	else
		raw(p, "<td></td>");
}

static void head(struct page *p, const char *id, const char *title)
{
	text_printf(&p->t, "<h2 id=%s>%s</h2>\n", id, title);
}

/* ---- the parts --------------------------------------------------------------------------- */

static void show_check(struct page *p, const struct evidence_check *check)
{
	if (!check->differences.count) {
		text_printf(&p->t, "<p class=good><b>Unchanged.</b> %llu files, %llu bytes. "
			    "Merkle root <code>%s</code></p>\n", (unsigned long long)check->files,
			    (unsigned long long)check->bytes, check->root);
		return;
	}
	raw(p, "<div class=bad><b>Changed since it was taken.</b> Do not rely on what follows.<ul>\n");
	for (size_t i = 0; i < check->differences.count; i++) {
		raw(p, "<li class=m>");
		words(p, check->differences.items[i]);
		raw(p, "</li>\n");
	}
	raw(p, "</ul></div>\n");
}

static void show_missing(struct page *p, const struct node *story)
{
	const struct node *problems = doc_find(story, "problems");

	head(p, "missing", "What could not be had");
	if (!truth(story, "complete")) {
		raw(p, "<p class=bad><b>Partial:</b> ");
		words(p, str(story, "stopped"));
		raw(p, "</p>\n");
	}
	if (!truth(story, "still"))
		raw(p, "<p class=bad><b>Not everybody stood still.</b> Files marked <code>live</code> "
		       "may contradict one another.</p>\n");
	if (truth(story, "ioUring"))
		raw(p, "<p class=bad><b>Somebody has an io_uring.</b> The kernel may have written to "
		       "its memory although the container was frozen.</p>\n");
	if (!problems || !problems->len) {
		raw(p, "<p>No problems were met.</p>\n");
		return;
	}
	raw(p, "<table><tr><th>Where</th><th>What</th></tr>\n");
	for (const struct node *n = problems->first; n; n = n->next) {
		raw(p, "<tr>");
		cell(p, str(n, "where"));
		cell(p, str(n, "what"));
		raw(p, "</tr>\n");
	}
	raw(p, "</table>\n");
}

static void moment(struct page *p, uint64_t when, const char *what, const char *detail)
{
	if (!when)
		return;
	raw(p, "<tr>");
	cell_time(p, when);
	raw(p, "<td>");
	words(p, what);
	raw(p, "</td><td>");
	words(p, detail);
	raw(p, "</td></tr>\n");
}

static void show_story(struct page *p, const struct node *story)
{
	const struct node *stages = doc_find(story, "stages");

	head(p, "when", "What happened when (UTC)");
	raw(p, "<table><tr><th>Time</th><th>What</th><th></th></tr>\n<tr><td class=n>");
	words(p, str(story, "created"));
	raw(p, "</td><td>the container was created</td><td></td></tr>\n");
	moment(p, number(story, "began"), "taking evidence began", "");
	moment(p, number(story, "freezeAsked"), "asked to stand still",
	       truth(story, "frozenBefore") ? "it was asked to before" : "");
	if (truth(story, "still"))
		moment(p, number(story, "freezeKnown"), "everybody stands still", "");
	for (const struct node *n = stages ? stages->first : NULL; n; n = n->next)
		moment(p, number(n, "began"), str(n, "stage"),
		       arena_printf(p->a, "%s, %llu bytes", str(n, "result"),
				    (unsigned long long)number(n, "bytes")));
	moment(p, number(story, "thawed"), "let go",
	       arena_printf(p->a, "held for %llu microseconds",
			    (unsigned long long)number(story, "heldNs") / 1000));
	moment(p, number(story, "ended"), "taking evidence ended", "");
	raw(p, "</table>\n");
}

static bool is_suspicious(const char *exe)
{
	return strstr(exe, " (deleted)") || strstr(exe, "memfd:");
}

static void show_process(struct page *p, const struct node *n)
{
	text_printf(&p->t, "<b>%llu</b> ", (unsigned long long)number(n, "pid"));
	words(p, str(n, "name"));
	text_printf(&p->t, " <span class=dim>uid %llu, %llu threads, ",
		    (unsigned long long)number(n, "uid"), (unsigned long long)number(n, "threads"));
	words(p, str(n, "state"));
	raw(p, "</span>");
	if (is_suspicious(str(n, "exe")))
		raw(p, " <span class=tag>runs what has no file</span>");
	if (!truth(n, "still"))
		raw(p, " <span class=tag>not frozen</span>");
	raw(p, "<br><code>");
	words(p, str(n, "cmdline"));
	raw(p, "</code> <span class=\"m dim\">");
	words(p, str(n, "exe"));
	raw(p, "</span>\n");
}

static bool is_in(const struct node *table, uint64_t pid)
{
	for (const struct node *n = table->first; n; n = n->next)
		if (number(n, "pid") == pid)
			return true;
	return false;
}

static void show_below(struct page *p, const struct node *table, uint64_t parent, unsigned depth,
		       unsigned *shown)
{
	bool open = false;

	for (const struct node *n = table->first; n && depth < DEPTH_MAX; n = n->next) {
		bool top = parent == 0 && !is_in(table, number(n, "ppid"));

		if (!top && (parent == 0 || number(n, "ppid") != parent))
			continue;
		if (++*shown > SHOWN_MAX)
			break;
		raw(p, open ? "" : "<ul class=tree>\n");
		open = true;
		raw(p, "<li>");
		show_process(p, n);
		show_below(p, table, number(n, "pid"), depth + 1, shown);
		raw(p, "</li>\n");
	}
	raw(p, open ? "</ul>\n" : "");
}

static void show_processes(struct page *p)
{
	auto_doc doc = DOC_NONE;
	unsigned shown = 0;

	head(p, "processes", "Processes");
	if (read_doc(p, "processes.json", &doc) < 0 || doc.root->type != NODE_ARRAY) {
		raw(p, "<p>There is no table of processes.</p>\n");
		return;
	}
	show_below(p, doc.root, 0, 0, &shown);
	if (shown > SHOWN_MAX)
		raw(p, "<p>The rest stands in <code>processes.json</code>.</p>\n");
}

static void show_findings(struct page *p, const struct node *findings)
{
	raw(p, "<table><tr><th>Process</th><th>Name</th><th>Kind</th><th>File</th><th></th></tr>\n");
	for (const struct node *n = findings->first; n; n = n->next) {
		raw(p, "<tr>");
		cell_number(p, number(n, "pid"));
		cell(p, str(n, "name"));
		raw(p, truth(n, "drift") ? "<td><span class=tag>" : "<td><span>");
		words(p, str(n, "kind"));
		raw(p, "</span></td>");
		cell(p, str(n, "path"));
		cell(p, str(n, "detail"));
		raw(p, "</tr>\n");
	}
	raw(p, "</table>\n");
}

static void show_sentences(struct page *p, const struct node *list, const char *title)
{
	for (const struct node *n = list && list->type == NODE_ARRAY ? list->first : NULL; n;
	     n = n->next) {
		text_printf(&p->t, "<p><b>%s</b> ", title);
		words(p, n->type == NODE_STRING ? n->text : "");
		raw(p, "</p>\n");
	}
}

static void show_drift(struct page *p)
{
	auto_doc doc = DOC_NONE;
	const struct node *findings;

	head(p, "drift", "Code that is not in the image");
	if (read_doc(p, "drift.json", &doc) < 0 ||
	    !(findings = doc_find(doc.root, "findings")) || findings->type != NODE_ARRAY) {
		raw(p, "<p>It was not looked for.</p>\n");
		return;
	}
	if (findings->len)
		show_findings(p, findings);
	else
		raw(p, "<p>None was found.</p>\n");
	show_sentences(p, doc_find(doc.root, "notKnown"), "Not known:");
	show_sentences(p, doc_find(doc.root, "how"), "How it was judged:");
}

/* "0100007F:1F90" as the kernel writes it. */
static const char *address(struct page *p, const char *hex)
{
	unsigned long ip, port;
	char *end;

	if (strcspn(hex, ":") != 8)
		return hex;
	ip = strtoul(hex, &end, 16);
	port = *end == ':' ? strtoul(end + 1, NULL, 16) : 0;
	return arena_printf(p->a, "%lu.%lu.%lu.%lu:%lu", ip & 255, ip >> 8 & 255, ip >> 16 & 255,
			    ip >> 24 & 255, port);
}

static void show_socket(struct page *p, const char *table, char *line)
{
	static const char *const states[] = { "", "established", "syn-sent", "syn-received",
		"fin-wait-1", "fin-wait-2", "time-wait", "closed", "close-wait", "last-ack", "listens",
		"closing" };
	char *save = NULL, *field[10] = { 0 }, *colon;
	unsigned long state;

	for (int i = 0; i < 10; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return;
	}
	colon = strchr(field[4], ':');
	state = strtoul(field[3], NULL, 16);
	if (!colon)
		return;
	raw(p, "<tr>");
	cell(p, table);
	cell(p, address(p, field[1]));
	cell(p, address(p, field[2]));
	cell(p, strncmp(table, "tcp", 3) == 0 && state < ARRAY_LEN(states) ? states[state] : "");
	cell_number(p, strtoul(colon + 1, NULL, 16));
	cell_number(p, strtoul(field[4], NULL, 16));
	cell(p, field[9]);
	raw(p, "</tr>\n");
}

static void show_namespace(struct page *p, const char *name)
{
	static const char *const tables[] = { "tcp", "tcp6", "udp", "udp6", "raw", "raw6" };

	text_puts(&p->t, "<h3 class=m>");
	words(p, name);
	raw(p, "</h3><table><tr><th></th><th>Here</th><th>There</th><th>State</th><th>Unread</th>"
	       "<th>Unsent</th><th>Inode</th></tr>\n");
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		const char *path = arena_printf(p->a, "sockets/%s/%s", name, tables[i]);
		auto_fd int fd = file_open(p->dir, path, O_RDONLY | O_NONBLOCK);
		char *text = fd < 0 ? NULL : fd_read_text(fd, DOC_SIZE_MAX, p->a, NULL);
		char *line = text ? strchr(text, '\n') : NULL;	/* the first is a title */
		unsigned shown = 0;

		while (line && shown++ < SHOWN_MAX) {
			char *next = strchr(++line, '\n');

			if (next)
				*next = '\0';
			show_socket(p, tables[i], line);
			line = next;
		}
	}
	raw(p, "</table>\n");
}

static void show_queues(struct page *p)
{
	auto_doc doc = DOC_NONE;

	if (read_doc(p, "sockets/queues.json", &doc) < 0)
		return;
	raw(p, "<h3>What stood in queues</h3><table><tr><th>Process</th><th>Socket</th><th>Unread</th>"
	       "<th>taken</th><th>Unsent</th><th>taken</th><th></th></tr>\n");
	for (const struct node *n = doc.root->type == NODE_ARRAY ? doc.root->first : NULL; n;
	     n = n->next) {
		raw(p, "<tr>");
		cell_number(p, number(n, "pid"));
		cell(p, str(n, "socket"));
		cell_number(p, number(n, "unread"));
		cell_number(p, number(n, "unreadTaken"));
		cell_number(p, number(n, "unsent"));
		cell_number(p, number(n, "unsentTaken"));
		cell(p, str(n, "why"));
		raw(p, "</tr>\n");
	}
	raw(p, "</table>\n");
}

static void show_sockets(struct page *p)
{
	int fd = file_open(p->dir, "sockets", O_RDONLY | O_DIRECTORY);
	auto_dir DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	head(p, "sockets", "Sockets");
	if (!listing)
		raw(p, "<p>There are no tables of sockets.</p>\n");
	while (listing && (entry = readdir(listing)))
		if (strncmp(entry->d_name, "net-", 4) == 0)
			show_namespace(p, arena_strdup(p->a, entry->d_name));
	show_queues(p);
}

static void show_changes(struct page *p)
{
	auto_doc doc = DOC_NONE;
	unsigned shown = 0;

	head(p, "files", "Files that were changed");
	if (read_doc(p, "changes.json", &doc) < 0 || doc.root->type != NODE_ARRAY) {
		raw(p, "<p>Changed files were not taken.</p>\n");
		return;
	}
	if (!doc.root->len)
		raw(p, "<p>None.</p>\n");
	else
		raw(p, "<table><tr><th>Path</th><th>Kind</th><th>Size</th><th>Mode</th><th>Owner</th>"
		       "<th>Modified (UTC)</th></tr>\n");
	for (const struct node *n = doc.root->first; n && shown++ < SHOWN_MAX; n = n->next) {
		unsigned mode = (unsigned)number(n, "mode");
		bool file = strcmp(str(n, "kind"), "file") == 0;

		raw(p, "<tr>");
		cell(p, str(n, "path"));
		raw(p, "<td>");
		words(p, str(n, "kind"));
		raw(p, file && (mode & 06000) ? " <span class=tag>setuid</span>" :
		       file && (mode & 0111) ? " <span class=tag>program</span>" : "");
		raw(p, "</td>");
		cell_number(p, number(n, "size"));
		text_printf(&p->t, "<td class=n>%04o</td>", mode);
		cell_number(p, number(n, "uid"));
		cell_time(p, number(n, "modified") * 1000000000u);
		raw(p, "</tr>\n");
	}
	raw(p, doc.root->len ? "</table>\n" : "");
	if (shown > SHOWN_MAX)
		raw(p, "<p>The rest stands in <code>changes.json</code>.</p>\n");
}

static void show_manifest(struct page *p)
{
	auto_doc doc = DOC_NONE;
	const struct node *files;
	unsigned shown = 0;

	head(p, "set", "What is in the set");
	if (read_doc(p, "manifest.json", &doc) < 0 || !(files = doc_find(doc.root, "files"))) {
		raw(p, "<p>There is no manifest that can be read.</p>\n");
		return;
	}
	raw(p, "<table><tr><th>File</th><th>Size</th><th>Consistency</th><th>SHA-256</th></tr>\n");
	for (const struct node *n = files->type == NODE_ARRAY ? files->first : NULL;
	     n && shown++ < SHOWN_MAX; n = n->next) {
		raw(p, "<tr>");
		cell(p, str(n, "path"));
		cell_number(p, number(n, "size"));
		raw(p, "<td>");
		words(p, str(n, "consistency"));
		raw(p, " ");
		words(p, str(n, "error"));
		raw(p, "</td>");
		cell(p, str(n, "sha256"));
		raw(p, "</tr>\n");
	}
	raw(p, "</table>\n");
}

const char *evidence_report(const char *directory, struct arena *a, struct err *e)
{
	struct page p = { .t = TEXT_IN(a), .a = a };
	struct evidence_check check;
	auto_doc story = DOC_NONE;
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
	if (read_doc(&p, "capture.json", &story) < 0) {
		err_set(e, ERR_STATE, "evidence \"%.200s\": it has no capture.json that can be read",
			directory);
		return NULL;
	}
	raw(&p, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
		"<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n"
		"<meta name=viewport content=\"width=device-width\">\n<title>Evidence of ");
	words(&p, str(story.root, "id"));
	raw(&p, "</title>\n");
	raw(&p, style);
	raw(&p, "</head><body>\n<h1>Evidence of <code>");
	words(&p, str(story.root, "id"));
	raw(&p, "</code></h1>\n<p class=dim>bundle <code>");
	words(&p, str(story.root, "bundle"));
	raw(&p, "</code>, taken with ");
	words(&p, str(story.root, "tool"));
	raw(&p, ". Whoever has this page has what the container had in its arguments.</p>\n"
		"<nav><a href=#missing>Missing</a><a href=#when>When</a><a href=#processes>Processes"
		"</a><a href=#drift>Drift</a><a href=#sockets>Sockets</a><a href=#files>Files</a><a href=#set>The set</a>"
		"</nav>\n");
	show_check(&p, &check);
	show_missing(&p, story.root);
	show_story(&p, story.root);
	show_processes(&p);
	show_drift(&p);
	show_sockets(&p);
	show_changes(&p);
	show_manifest(&p);
	raw(&p, "</body></html>\n");
	return text_get(&p.t);
}
