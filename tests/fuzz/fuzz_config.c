/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a document: refused with a sentence, or read. What was read as a tree can be
 * written and read again, and is the same tree; a configuration's mount options can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "json/doc.h"
#include "json/emit.h"
#include "oci/mount_options.h"
#include "oci/words.h"
#include "orlop/oci_config.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void write_node(struct emit *m, const struct node *n)
{
	switch (n->type) {
	case NODE_NULL:
		emit_null(m, n->key);
		break;
	case NODE_BOOL:
		emit_bool(m, n->key, n->truth);
		break;
	case NODE_NUMBER:
		emit_raw(m, n->key, n->text);
		break;
	case NODE_STRING:
		emit_str(m, n->key, n->text);
		break;
	case NODE_ARRAY:
	case NODE_OBJECT:
		if (n->type == NODE_ARRAY)
			emit_array(m, n->key);
		else
			emit_object(m, n->key);
		for (const struct node *child = n->first; child; child = child->next)
			write_node(m, child);
		emit_end(m);
		break;
	case NODE_TYPE_COUNT_:
		abort();
	}
}

static bool same_tree(const struct node *a, const struct node *b)
{
	if (a->type != b->type || a->len != b->len || a->key_len != b->key_len)
		return false;
	if (a->key_len && memcmp(a->key, b->key, a->key_len) != 0)
		return false;
	if (a->type == NODE_STRING || a->type == NODE_NUMBER)
		return memcmp(a->text, b->text, a->len) == 0;
	if (a->type == NODE_BOOL)
		return a->truth == b->truth;
	if (a->type == NODE_NULL)
		return true;
	for (a = a->first, b = b->first; a && b; a = a->next, b = b->next)
		if (!same_tree(a, b))
			return false;
	return !a && !b;
}

static void check_document(const char *text, size_t len, unsigned step)
{
	auto_arena a = ARENA_NONE;
	auto_doc first = DOC_NONE, second = DOC_NONE;
	struct emit m = EMIT_IN(&a, step);
	struct err e = { 0 };

	if (doc_read("fuzz", text, len, &a, &first, &e)) {
		must(e.kind == ERR_CONFIG && strncmp(e.text, "fuzz:", 5) == 0);
		must(e.len == strlen(e.text));
		return;
	}
	write_node(&m, first.root);
	must(doc_read("again", m.text.bytes, m.text.len, &a, &second, &e) == 0);
	must(same_tree(first.root, second.root));
}

static void check_mounts(const struct oci_config *config, struct arena *a)
{
	for (size_t i = 0; i < config->mounts.count; i++) {
		struct mount_options o;
		struct err e = { 0 };

		if (mount_options_read(&config->mounts.items[i].options, a, &o, &e))
			must(e.kind == ERR_CONFIG);
		else	/* nothing is both set and cleared, but for the access time mode */
			must(!(o.attr_set & o.attr_clear & ~UINT64_C(0x70)) &&
			     !(o.rec_set & o.rec_clear & ~UINT64_C(0x70)));
	}
}

static void check_config(const char *text, size_t len)
{
	auto_arena a = ARENA_NONE;
	struct oci_config config = { 0 };
	struct oci_process process;
	struct oci_resources resources;
	struct err e = { 0 };

	if (oci_config_read("fuzz", text, len, &a, &config, &e) == 0) {
		must(config.oci_version && config.root.set && config.root.path);
		must(!config.process.set || config.process.cwd[0] == '/');
		check_mounts(&config, &a);
	} else {
		must(e.kind == ERR_CONFIG && !config.oci_version);
	}
	if (oci_process_read("fuzz", text, len, &a, &process, &e) == 0)
		must(process.set && process.cwd[0] == '/');
	if (oci_resources_read("fuzz", text, len, &a, &resources, &e) == 0)
		must(resources.set);
}

static void check_signal(const char *text, size_t len)
{
	auto_arena a = ARENA_NONE;
	int number = words_signal(arena_strndup(&a, text, len));

	must(number >= -1 && number <= WORDS_SIGRTMAX);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	const char *text = (const char *)bytes;

	check_document(text, len, (unsigned)(len % 3));
	check_config(text, len);
	if (len < 16)
		check_signal(text, len);
	return 0;
}
