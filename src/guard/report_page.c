/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. What the parts of a report are made of. Everything from the set is escaped.
 */
#include "guard/report_page.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/file.h"
#include "guard/html.h"
#include "orlop/auto.h"

enum { WORD = 400, LONG = 4000 };

static const char style[] =
	"<style>\n"
	":root{--line:#d0d7de;--thin:#e6e9ec;--soft:#f6f8fa;--dim:#57606a;--tag:#fff3cd;--ink:#1b1f24;"
	"--red:#cf222e;--pink:#fdeeee;--green:#1a7f37;--mint:#eaf7ee;--page:#fff;--link:#0550ae}\n"
	"@media(prefers-color-scheme:dark){:root{--line:#3d444d;--thin:#262c34;--soft:#161b22;"
	"--dim:#9198a1;--tag:#5a4500;--ink:#e6edf3;--red:#f85149;--pink:#2d1214;--green:#3fb950;"
	"--mint:#0f2417;--page:#0d1117;--link:#79b8ff}}\n"
	"body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1.2rem;"
	"color:var(--ink);background:var(--page)}\n"
	"a{color:var(--link)}h1{font-size:1.6rem;margin:0 0 .3rem}h1 code{font-size:1.25rem}\n"
	"h2{font-size:1.2rem;margin:2.4rem 0 .7rem;border-bottom:2px solid var(--line);"
	"padding-bottom:.25rem}h3{font-size:1rem;margin:1.4rem 0 .4rem}\n"
	"table{border-collapse:collapse;width:100%}tr:target,tr:hover td{background:var(--soft)}\n"
	"th,td{text-align:left;padding:.3rem .7rem;border-bottom:1px solid var(--thin);"
	"vertical-align:top}th{font-weight:600;background:var(--soft);white-space:nowrap}\n"
	"td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
	"td.t{font-variant-numeric:tabular-nums;white-space:nowrap;width:1%}\n"
	"code,.m{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}\n"
	".good,.bad{padding:.6rem .9rem;border-left:.4rem solid;margin:1rem 0}\n"
	".good{border-color:var(--green);background:var(--mint)}"
	".bad{border-color:var(--red);background:var(--pink)}\n"
	".glance{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem;"
	"margin:1rem 0}.glance a{display:block;border:1px solid var(--line);border-radius:.4rem;"
	"padding:.5rem .8rem;text-decoration:none;color:inherit}.glance b{display:block;"
	"font-size:1.5rem;line-height:1.25}.glance .hot{border-color:var(--red);"
	"background:var(--pink)}\n"
	".tag{background:var(--tag);padding:.05rem .4rem;border-radius:.25rem;white-space:nowrap;"
	"font-size:.85rem}\n"
	"ul.tree{list-style:none;padding-left:1.2rem;border-left:2px solid var(--thin);"
	"margin:.2rem 0 .2rem .3rem}ul.tree li{margin:.45rem 0}section>ul.tree{border:0;padding:0;"
	"margin:0}\n"
	".cut{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden}\n"
	".dim{color:var(--dim)}nav a{margin-right:1.1rem}summary{cursor:pointer;padding:.4rem 0}\n"
	"@media(max-width:48rem){table{display:block;overflow-x:auto}}\n"
	"@media print{nav{display:none}.cut{display:inline}}\n"
	"</style>\n";

void page_style(struct page *p)
{
	page_raw(p, style);
}

int page_doc(struct page *p, const char *name, struct doc *ret)
{
	struct err ignored;
	size_t len = 0;
	auto_fd int fd = file_open(p->dir, name, O_RDONLY | O_NONBLOCK);
	const char *text = fd < 0 ? NULL : fd_read_text(fd, DOC_SIZE_MAX, p->a, &len);

	return text ? doc_read(name, text, len, p->a, ret, &ignored) : -1;
}

const char *page_str(const struct node *n, const char *key)
{
	const struct node *member = doc_find(n, key);

	return member && (member->type == NODE_STRING || member->type == NODE_NUMBER)
		? member->text : "";
}

uint64_t page_number(const struct node *n, const char *key)
{
	return strtoull(page_str(n, key), NULL, 10);
}

bool page_truth(const struct node *n, const char *key)
{
	const struct node *member = doc_find(n, key);

	return member && member->type == NODE_BOOL && member->truth;
}

void page_raw(struct page *p, const char *markup)
{
	text_puts(&p->t, markup);
}

void page_words(struct page *p, const char *s)
{
	html_text(&p->t, s, WORD);
}

void page_cell(struct page *p, const char *s)
{
	page_raw(p, "<td class=m>");
	html_text(&p->t, s, LONG);
	page_raw(p, "</td>");
}

void page_cell_number(struct page *p, uint64_t n)
{
	text_printf(&p->t, "<td class=n>%llu</td>", (unsigned long long)n);
}

void page_cell_time(struct page *p, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	char text[40] = "";
	struct tm tm;

	if (ns && gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	if (ns)
		text_printf(&p->t, "<td class=t>%s.%06llu</td>", text,
			    (unsigned long long)(ns / 1000 % 1000000));
	else
		page_raw(p, "<td></td>");
}

void page_head(struct page *p, const char *id, const char *title)
{
	text_printf(&p->t, "<h2 id=%s>%s</h2>\n", id, title);
}
