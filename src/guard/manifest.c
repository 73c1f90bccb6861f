/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing, reading and summing up the manifest. PURE.
 */
#include "guard/manifest.h"

#include <string.h>

#include "json/bind.h"
#include "json/doc.h"
#include "json/emit.h"

enum { VERSION = 1 };

void manifest_add(struct manifest *m, struct arena *a, const struct manifest_row *row)
{
	if (m->rows.count == m->room) {
		size_t room = m->room ? 2 * m->room : 64;
		struct manifest_row *rows = arena_new_array(a, struct manifest_row, room);

		if (m->rows.count)
			memcpy(rows, m->rows.items, m->rows.count * sizeof(*rows));
		m->rows.items = rows;
		m->room = room;
	}
	m->rows.items[m->rows.count++] = *row;
}

static void add_word(struct sha256 *s, const char *word)
{
	sha256_add(s, word ? word : "", word ? strlen(word) + 1 : 1);
}

static void add_number(struct sha256 *s, uint64_t n)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	add_word(s, p);
}

static void leaf_of_set(const struct manifest *m, unsigned char *ret)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, "", 1);
	add_number(&s, VERSION);
	add_word(&s, m->id);
	add_word(&s, m->tool);
	sha256_end(&s, ret);
}

static void leaf_of_row(const struct manifest_row *row, unsigned char *ret)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, "", 1);
	add_word(&s, row->path);
	add_number(&s, row->size);
	add_number(&s, row->mode);
	add_word(&s, row->sha256);
	add_number(&s, row->began);
	add_number(&s, row->ended);
	add_word(&s, row->consistency);
	add_word(&s, row->source);
	add_word(&s, row->error);
	add_number(&s, row->missing);
	sha256_end(&s, ret);
}

void manifest_root(const struct manifest *m, struct arena *a, char ret[SHA256_HEX_SIZE])
{
	size_t count = m->rows.count + 1;
	unsigned char (*nodes)[SHA256_SIZE] = arena_array(a, count, SHA256_SIZE);

	leaf_of_set(m, nodes[0]);
	for (size_t i = 0; i < m->rows.count; i++)
		leaf_of_row(&m->rows.items[i], nodes[i + 1]);
	for (; count > 1; count = (count + 1) / 2) {
		for (size_t i = 0; i < count / 2; i++) {
			struct sha256 s;

			sha256_init(&s);
			sha256_add(&s, "\1", 1);
			sha256_add(&s, nodes[2 * i], 2 * SHA256_SIZE);
			sha256_end(&s, nodes[i]);
		}
		if (count % 2)
			memmove(nodes[count / 2], nodes[count - 1], SHA256_SIZE);
	}
	sha256_hex(nodes[0], ret);
}

const char *manifest_text(const struct manifest *m, struct arena *a)
{
	struct emit out = EMIT_IN(a, 1);
	char root[SHA256_HEX_SIZE];

	manifest_root(m, a, root);
	emit_object(&out, NULL);
	emit_u64(&out, "version", VERSION);
	emit_str(&out, "tool", m->tool);
	emit_str(&out, "id", m->id);
	emit_array(&out, "files");
	for (size_t i = 0; i < m->rows.count; i++) {
		const struct manifest_row *row = &m->rows.items[i];

		emit_object(&out, NULL);
		emit_str(&out, "path", row->path);
		emit_u64(&out, "size", row->size);
		emit_u64(&out, "mode", row->mode);
		emit_str(&out, "sha256", row->sha256);
		emit_u64(&out, "began", row->began);
		emit_u64(&out, "ended", row->ended);
		emit_str(&out, "consistency", row->consistency);
		emit_str(&out, "source", row->source);
		if (row->error)
			emit_str(&out, "error", row->error);
		if (row->missing)
			emit_u64(&out, "missing", row->missing);
		emit_end(&out);
	}
	emit_end(&out);
	emit_str(&out, "merkleRoot", root);
	emit_end(&out);
	text_puts(&out.text, "\n");
	return text_get(&out.text);
}

#define ROW_STR(field, name, ...) \
	B_ROW(BIND_STR, name, B_FIELD(struct manifest_row, field, const char *), __VA_ARGS__)

static int check_row(const struct binding *b, const struct node *n, void *object)
{
	const struct manifest_row *row = object;
	const char *part = row->path;

	while (*part) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && !memcmp(part, "..", 2)))
			return doc_err(b->doc, n, b->e, "the path \"%.200s\" leads out of the set",
				       row->path);
		part += len + (part[len] == '/');
	}
	if (strlen(row->sha256) != SHA256_HEX_SIZE - 1)
		return doc_err(b->doc, n, b->e, "the digest is not one");
	return 0;
}

static const struct bind row_table[] = {
	ROW_STR(path, "path", B_REQUIRED),
	B_U64(struct manifest_row, size, "size", B_REQUIRED),
	B_U32(struct manifest_row, mode, "mode", B_REQUIRED),
	ROW_STR(sha256, "sha256", B_REQUIRED),
	B_U64(struct manifest_row, began, "began", B_REQUIRED),
	B_U64(struct manifest_row, ended, "ended", B_REQUIRED),
	ROW_STR(consistency, "consistency", B_REQUIRED),
	ROW_STR(source, "source", (B_REQUIRED | B_KEEP_EMPTY)),
	ROW_STR(error, "error"),
	B_U64(struct manifest_row, missing, "missing"),
	B_CHECK(check_row),
	B_END
};

static const struct bind manifest_table[] = {
	B_ROW(BIND_STR, "id", B_FIELD(struct manifest, id, const char *), B_REQUIRED),
	B_ROW(BIND_STR, "tool", B_FIELD(struct manifest, tool, const char *), B_REQUIRED),
	B_ROW(BIND_STR, "merkleRoot", B_FIELD(struct manifest, root, const char *), B_REQUIRED),
	B_LIST(struct manifest, rows, "files", struct manifest_row, row_table, B_REQUIRED),
	B_END
};

int manifest_read(const char *text, size_t len, struct arena *a, struct manifest *ret,
		  struct err *e)
{
	struct manifest m = { 0 };
	auto_doc doc = DOC_NONE;

	if (doc_read("manifest.json", text, len, a, &doc, e) < 0 ||
	    bind_read(&(struct binding){ .doc = &doc, .arena = a, .e = e }, doc.root, manifest_table,
		      &m) < 0)
		return -1;
	*ret = m;
	return 0;
}

const struct manifest_row *manifest_find(const struct manifest *m, const char *path)
{
	for (size_t i = 0; i < m->rows.count; i++)
		if (strcmp(m->rows.items[i].path, path) == 0)
			return &m->rows.items[i];
	return NULL;
}
