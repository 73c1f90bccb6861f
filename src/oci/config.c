/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outermost object of config.json, and the functions that read whole documents. PURE.
 */
#include "orlop/oci_config.h"

#include <string.h>

#include "base/text.h"
#include "oci/tables.h"

enum { HOSTNAME_MAX = 64, WORD_MAX = 60 };

/* A number of a version: digits without a zero in front. Returns what follows, or NULL. */
static const char *skip_number(const char *p)
{
	size_t len = strspn(p, "0123456789");

	return len == 0 || (len > 1 && *p == '0') ? NULL : p + len;
}

/* Identifiers with dots between them, up to `stop` or the end; NULL when one is malformed. */
static const char *skip_identifiers(const char *p, char stop, bool zeros)
{
	static const char letters[] = "0123456789-abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (;;) {
		size_t len = strspn(p, letters), digits = strspn(p, "0123456789");

		if (len == 0 || (!zeros && digits == len && len > 1 && *p == '0'))
			return NULL;
		p += len;
		if (*p != '.')
			return *p == '\0' || *p == stop ? p : NULL;
		p++;
	}
}

/* Semantic Versioning 2.0 of the first major version: 1.x.y[-pre][+build]. */
static bool is_version_1(const char *p)
{
	if (strncmp(p, "1.", 2) != 0)
		return false;
	p = skip_number(p + 2);
	if (!p || *p != '.')
		return false;
	p = skip_number(p + 1);
	if (p && *p == '-')
		p = skip_identifiers(p + 1, '+', false);
	if (p && *p == '+')
		p = skip_identifiers(p + 1, '\0', true);
	return p && *p == '\0';
}

/*
 * Every 1.x.y is accepted, newer ones too: the specification promises that a configuration of a
 * later minor version means the same to an older runtime, apart from members that it ignores.
 */
static int read_version(const struct binding *b, const struct node *n, void *field)
{
	auto_arena a = ARENA_NONE;

	if (n->type != NODE_STRING)
		return doc_err_type(b->doc, n, b->e, "a string");
	if (!is_version_1(n->text))
		return doc_err(b->doc, n, b->e, "expected a version 1.x.y, found %s",
			       text_quote(&a, n->text, WORD_MAX));
	*(char **)field = n->text;
	return 0;
}

static int read_hostname(const struct binding *b, const struct node *n, void *field)
{
	if (bind_check_str(b, n, 0))
		return -1;
	if (n->len > HOSTNAME_MAX)
		return doc_err(b->doc, n, b->e, "has %u bytes, the kernel takes %d", n->len,
			       HOSTNAME_MAX);
	*(char **)field = n->len ? n->text : NULL;
	return 0;
}

static const struct bind root_rows[] = {
	B_SET(struct oci_root, set),
	B_LINE(struct oci_root, line),
	B_STR(struct oci_root, path, "path", B_REQUIRED),
	B_BOOL(struct oci_root, readonly, "readonly"),
	B_END
};

static int check_mount(const struct binding *b, const struct node *n, void *object)
{
	const struct oci_mount *mount = object;

	if (!mount->uid_maps.count != !mount->gid_maps.count)
		return doc_err(b->doc, n, b->e, "\"%s\" needs \"%s\" beside it",
			       mount->uid_maps.count ? "uidMappings" : "gidMappings",
			       mount->uid_maps.count ? "gidMappings" : "uidMappings");
	return 0;
}

static const struct bind mount_rows[] = {
	B_LINE(struct oci_mount, line),
	B_STR(struct oci_mount, destination, "destination", B_REQUIRED),
	B_STR(struct oci_mount, type, "type"),
	B_STR(struct oci_mount, source, "source"),
	B_STRS(struct oci_mount, options, "options"),
	B_LIST(struct oci_mount, uid_maps, "uidMappings", struct oci_id_map, oci_id_map_rows),
	B_LIST(struct oci_mount, gid_maps, "gidMappings", struct oci_id_map, oci_id_map_rows),
	B_CHECK(check_mount),
	B_END
};

static const struct bind config_rows[] = {
	B_CUSTOM(struct oci_config, oci_version, "ociVersion", char *, read_version, B_REQUIRED),
	B_OBJECT(struct oci_config, process, "process", struct oci_process, oci_process_rows),
	B_OBJECT(struct oci_config, root, "root", struct oci_root, root_rows, B_REQUIRED),
	B_CUSTOM(struct oci_config, hostname, "hostname", char *, read_hostname),
	B_CUSTOM(struct oci_config, domainname, "domainname", char *, read_hostname),
	B_LIST(struct oci_config, mounts, "mounts", struct oci_mount, mount_rows),
	B_OBJECT(struct oci_config, hooks, "hooks", struct oci_hooks, oci_hooks_rows),
	B_PAIRS(struct oci_config, annotations, "annotations"),
	B_OBJECT(struct oci_config, linux, "linux", struct oci_linux, oci_linux_rows),
	B_LINE_OF(struct oci_config, lines.hostname, "hostname"),
	B_LINE_OF(struct oci_config, lines.domainname, "domainname"),
	B_LINE_OF(struct oci_config, lines.annotations, "annotations"),
	B_LINE_OF(struct oci_config, lines.linux, "linux"),
	B_END
};

int oci_config_read(const char *name, const char *text, size_t len, struct arena *a,
		    struct oci_config *ret, struct err *e)
{
	struct oci_config config = { 0 };
	struct binding b = { .arena = a, .e = e, .misspelt = &config.misspelt };
	auto_doc d = DOC_NONE;

	if (doc_read(name, text, len, a, &d, e))
		return -1;
	b.doc = &d;
	if (bind_read(&b, d.root, config_rows, &config))
		return -1;
	*ret = config;
	return 0;
}

/*
 * Reads a document that is one member of a configuration; *ret is zeroed. A whole configuration is
 * refused by name: none of its members would be known, and nothing would be missing in resources.
 */
static int read_part(const char *name, const char *text, size_t len, const char *part,
		     const struct bind *rows, struct arena *a, void *ret, struct err *e)
{
	struct binding b = { .arena = a, .e = e };
	const struct node *version;
	auto_doc d = DOC_NONE;

	if (doc_read(name, text, len, a, &d, e))
		return -1;
	b.doc = &d;
	version = doc_find(d.root, "ociVersion");
	if (version)
		return doc_err(&d, version, e, "this is a whole configuration, and should be its "
			       "%s alone", part);
	return bind_read(&b, d.root, rows, ret);
}

int oci_process_read(const char *name, const char *text, size_t len, struct arena *a,
		     struct oci_process *ret, struct err *e)
{
	struct oci_process process = { 0 };

	if (read_part(name, text, len, "process", oci_process_rows, a, &process, e))
		return -1;
	*ret = process;
	return 0;
}

int oci_resources_read(const char *name, const char *text, size_t len, struct arena *a,
		       struct oci_resources *ret, struct err *e)
{
	struct oci_resources resources = { 0 };

	if (read_part(name, text, len, "linux.resources", oci_resources_rows, a, &resources, e))
		return -1;
	*ret = resources;
	return 0;
}
