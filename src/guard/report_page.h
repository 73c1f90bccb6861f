/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a report are made of: the documents of a set, and text, cells and titles.
 */
#pragma once

#include <stdint.h>

#include "base/text.h"
#include "json/doc.h"

struct page {
	struct text t;
	struct arena *a;
	int dir;		/* of the set */
	const struct node *drift;	/* the findings of drift.json, or NULL */
};

/* Reads a document of the set. 0 or -1. */
int page_doc(struct page *p, const char *name, struct doc *ret);

/* A member: its text, number or truth; "", 0 or false where there is none. */
const char *page_str(const struct node *n, const char *key);
uint64_t page_number(const struct node *n, const char *key);
bool page_truth(const struct node *n, const char *key);

/* Markup as it is, and words of the set, which are escaped and cut off when they are long. */
void page_raw(struct page *p, const char *markup);
void page_words(struct page *p, const char *s);

void page_cell(struct page *p, const char *s);
void page_cell_number(struct page *p, uint64_t n);

/* Of nanoseconds since 1970. */
void page_cell_time(struct page *p, uint64_t ns);

void page_head(struct page *p, const char *id, const char *title);
void page_style(struct page *p);
