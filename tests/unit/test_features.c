/* SPDX-License-Identifier: Apache-2.0 */
/* The features document has what engines look for, and nothing that is not there. */
#include "oci/features.h"

#include "check.h"
#include "json/doc.h"

static bool has_word(const struct node *list, const char *word)
{
	for (const struct node *n = list ? list->first : NULL; n; n = n->next)
		if (n->type == NODE_STRING && strcmp(n->text, word) == 0)
			return true;
	return false;
}

/* What engines look for in the answer. */
static void check_features(void)
{
	auto_arena a = ARENA_NONE;
	auto_doc d = DOC_NONE;
	struct err e = { 0 };
	const char *text = features_text(&a);
	const struct node *os, *seccomp, *idmap;

	CHECK(doc_read("features", text, strlen(text), &a, &d, &e) == 0, "%s", e.text);
	if (!d.root)
		return;
	CHECK(strncmp(text, "{\n    \"ociVersionMin\": \"1.0.0\",\n", 32) == 0);
	CHECK_STR(doc_find(d.root, "ociVersionMax")->text, "1.3.0");
	CHECK(doc_find(d.root, "hooks")->len == 6);
	CHECK(has_word(doc_find(d.root, "mountOptions"), "rro"));
	CHECK(!has_word(doc_find(d.root, "mountOptions"), "idmap"));
	os = doc_find(d.root, "linux");
	CHECK(doc_find(os, "namespaces")->len == 8);
	CHECK(doc_find(os, "capabilities")->len == 41);
	CHECK(!doc_find(doc_find(os, "cgroup"), "v1")->truth);
	CHECK(doc_find(doc_find(os, "cgroup"), "v2")->truth);
	seccomp = doc_find(os, "seccomp");
	CHECK(doc_find(seccomp, "actions")->len == 9 && doc_find(seccomp, "operators")->len == 7);
	CHECK(has_word(doc_find(seccomp, "archs"), "SCMP_ARCH_X86_64"));
	CHECK(doc_find(seccomp, "archs")->len >= 19);
	idmap = doc_find(doc_find(os, "mountExtensions"), "idmap");
	CHECK(doc_find(idmap, "enabled")->truth);
	CHECK(doc_find(doc_find(d.root, "annotations"), "org.orlop.version"));
	CHECK(has_word(doc_find(d.root, "potentiallyUnsafeConfigAnnotations"), "org.criu.config"));
}

int main(void)
{
	check_features();
	return check_result();
}
