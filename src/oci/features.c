/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the layout of runc's document. A member that is absent means "unknown" to its reader, so
 * what does not exist here is said with false or an empty list. PURE.
 */
#include "oci/features.h"

#include <seccomp.h>
#include <string.h>

#include "config.h"
#include "json/emit.h"
#include "oci/mount_options.h"
#include "oci/words.h"
#include "orlop/auto.h"

static void put_words(struct emit *m, const char *key, const struct name *table)
{
	emit_array(m, key);
	for (; table->word[0]; table++)
		emit_str(m, NULL, table->word);
	emit_end(m);
}

static void put_hooks(struct emit *m)
{
	static const char *const hooks[] = {
		"prestart", "createRuntime", "createContainer", "startContainer", "poststart",
		"poststop",
	};

	emit_array(m, "hooks");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		emit_str(m, NULL, hooks[i]);
	emit_end(m);
}

/* idmap and ridmap are not here: mountExtensions speaks for them. */
static void put_mount_options(struct emit *m)
{
	const char *word;

	emit_array(m, "mountOptions");
	for (size_t i = 0; (word = mount_options_word(i)); i++)
		if (strcmp(word, "idmap") != 0 && strcmp(word, "ridmap") != 0)
			emit_str(m, NULL, word);
	emit_end(m);
}

static void put_enabled(struct emit *m, const char *key, bool enabled)
{
	emit_object(m, key);
	emit_bool(m, "enabled", enabled);
	emit_end(m);
}

static void put_cgroup(struct emit *m)
{
	emit_object(m, "cgroup");
	emit_bool(m, "v1", false);
	emit_bool(m, "v2", true);
	emit_bool(m, "systemd", true);
	emit_bool(m, "systemdUser", true);
	emit_bool(m, "rdma", true);
	emit_end(m);
}

/* Whether this libseccomp can make a filter for an architecture ("SCMP_ARCH_X86_64"). */
static bool has_arch(const char *word)
{
	char name[32] = "";

	word += strlen("SCMP_ARCH_");
	for (size_t i = 0; word[i] && i < sizeof(name) - 1; i++)
		name[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] | 0x20 : word[i]);
	return seccomp_arch_resolve_name(name) != 0;
}

static void put_seccomp(struct emit *m)
{
	emit_object(m, "seccomp");
	emit_bool(m, "enabled", true);
	put_words(m, "actions", words_seccomp_actions);
	put_words(m, "operators", words_seccomp_ops);
	emit_array(m, "archs");
	for (const struct name *row = words_seccomp_archs; row->word[0]; row++)
		if (has_arch(row->word))
			emit_str(m, NULL, row->word);
	emit_end(m);
	put_words(m, "knownFlags", words_seccomp_flags);
	put_words(m, "supportedFlags", words_seccomp_flags);
	emit_end(m);
}

static void put_rdt(struct emit *m)
{
	emit_object(m, "intelRdt");
	emit_bool(m, "enabled", true);
	emit_bool(m, "schemata", true);
	emit_bool(m, "monitoring", true);
	emit_end(m);
}

static void put_memory_policy(struct emit *m)
{
	emit_object(m, "memoryPolicy");
	put_words(m, "modes", words_mempolicy_modes);
	put_words(m, "flags", words_mempolicy_flags);
	emit_end(m);
}

static void put_linux(struct emit *m)
{
	emit_object(m, "linux");
	put_words(m, "namespaces", words_namespaces);
	put_words(m, "capabilities", words_capabilities);
	put_cgroup(m);
	put_seccomp(m);
	put_enabled(m, "apparmor", true);
	put_enabled(m, "selinux", true);
	put_rdt(m);
	put_memory_policy(m);
	emit_object(m, "mountExtensions");
	put_enabled(m, "idmap", true);
	emit_end(m);
	put_enabled(m, "netDevices", true);
	emit_end(m);
}

static void put_annotations(struct emit *m)
{
	const struct scmp_version *version = seccomp_version();

	emit_object(m, "annotations");
	emit_str(m, "io.github.seccomp.libseccomp.version",
		 arena_printf(m->text.arena, "%u.%u.%u", version->major, version->minor,
			      version->micro));
	emit_str(m, "org.orlop.version", ORLOP_VERSION);
	emit_end(m);
}

/*
 * Annotations through which a configuration could make us do more than its members say. A dot at
 * the end makes it a prefix. Ours are listed as a whole, used or not.
 */
static void put_unsafe_annotations(struct emit *m)
{
	static const char *const unsafe[] = {
		"org.criu.config", "org.orlop.", "org.systemd.property.",
	};

	emit_array(m, "potentiallyUnsafeConfigAnnotations");
	for (size_t i = 0; i < ARRAY_LEN(unsafe); i++)
		emit_str(m, NULL, unsafe[i]);
	emit_end(m);
}

const char *features_text(struct arena *a)
{
	struct emit m = EMIT_IN(a, 4);

	emit_object(&m, NULL);
	emit_str(&m, "ociVersionMin", "1.0.0");
	emit_str(&m, "ociVersionMax", "1.3.0");
	put_hooks(&m);
	put_mount_options(&m);
	put_linux(&m);
	put_annotations(&m);
	put_unsafe_annotations(&m);
	emit_end(&m);
	return emit_get(&m);
}
