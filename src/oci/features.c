/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRI-O wants ociVersionMin and Max, containerd looks for "rro" among the mount options and for
 * idmap. A member that says false is refused when a configuration asks for it.
 */
#include "oci/features.h"

#include <stdlib.h>
#include <string.h>

#include "json/emit.h"
#include "oci/mount_options.h"
#include "oci/words.h"

enum { MOST_WORDS = 64, INDENT = 4 };

static const char *const hooks[] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The words of a table in alphabetical order, whatever its own order means. */
static void put_words(struct emit *m, const char *key, const struct name *table)
{
	const char *words[MOST_WORDS];
	size_t count = 0;

	for (; table->word; table++) {
		BUG_ON(count == MOST_WORDS);
		words[count++] = table->word;
	}
	qsort(words, count, sizeof(words[0]), compare);
	emit_array(m, key);
	for (size_t i = 0; i < count; i++)
		emit_str(m, NULL, words[i]);
	emit_end(m);
}

static void put_object_bool(struct emit *m, const char *key, const char *member, bool value)
{
	emit_object(m, key);
	emit_bool(m, member, value);
	emit_end(m);
}

/* mountExtensions speaks for idmap and ridmap, as with runc. */
static void put_mount_options(struct emit *m)
{
	const char *word;

	emit_array(m, "mountOptions");
	for (size_t i = 0; (word = mount_options_word(i)); i++)
		if (strcmp(word, "idmap") != 0 && strcmp(word, "ridmap") != 0)
			emit_str(m, NULL, word);
	emit_end(m);
}

/* In the order of their numbers, as the kernel has them. */
static void put_capabilities(struct emit *m)
{
	emit_array(m, "capabilities");
	for (const struct name *row = words_capabilities; row->word; row++)
		emit_str(m, NULL, row->word);
	emit_end(m);
}

static void put_cgroup(struct emit *m)
{
	emit_object(m, "cgroup");
	emit_bool(m, "v1", false);
	emit_bool(m, "v2", true);
	emit_bool(m, "systemd", false);
	emit_bool(m, "systemdUser", false);
	emit_bool(m, "rdma", true);
	emit_end(m);
}

static void put_seccomp(struct emit *m)
{
	emit_object(m, "seccomp");
	emit_bool(m, "enabled", true);
	put_words(m, "actions", words_seccomp_actions);
	put_words(m, "operators", words_seccomp_ops);
	put_words(m, "archs", words_seccomp_archs);
	put_words(m, "knownFlags", words_seccomp_flags);
	put_words(m, "supportedFlags", words_seccomp_flags);
	emit_end(m);
}

static void put_linux(struct emit *m)
{
	emit_object(m, "linux");
	put_words(m, "namespaces", words_namespaces);
	put_capabilities(m);
	put_cgroup(m);
	put_seccomp(m);
	put_object_bool(m, "apparmor", "enabled", true);
	put_object_bool(m, "selinux", "enabled", true);
	put_object_bool(m, "intelRdt", "enabled", false);
	emit_object(m, "memoryPolicy");	/* none is carried out */
	emit_array(m, "modes");
	emit_end(m);
	emit_array(m, "flags");
	emit_end(m);
	emit_end(m);
	emit_object(m, "mountExtensions");
	put_object_bool(m, "idmap", "enabled", true);
	emit_end(m);
	put_object_bool(m, "netDevices", "enabled", false);
	emit_end(m);
}

const char *features_print(const char *spec_version, const char *seccomp_version,
			   struct arena *a)
{
	struct emit m = EMIT_IN(a, INDENT);

	emit_object(&m, NULL);
	emit_str(&m, "ociVersionMin", "1.0.0");
	emit_str(&m, "ociVersionMax", spec_version);
	emit_array(&m, "hooks");
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		emit_str(&m, NULL, hooks[i]);
	emit_end(&m);
	put_mount_options(&m);
	put_linux(&m);
	emit_object(&m, "annotations");
	emit_str(&m, "io.github.seccomp.libseccomp.version", seccomp_version);
	emit_end(&m);
	/* No annotation changes what is done. */
	emit_array(&m, "potentiallyUnsafeConfigAnnotations");
	emit_end(&m);
	emit_end(&m);
	text_puts(&m.text, "\n");
	return emit_get(&m);
}
