/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text rather than a tree: the document is nearly constant, and here it can be read as it will
 * stand in the file.
 */
#include "cli/spec.h"

#include <linux/capability.h>
#include <string.h>

#include "base/names.h"

static const char process[] =
	"\t\"process\": {\n"
	"\t\t\"terminal\": true,\n"
	"\t\t\"user\": {\n"
	"\t\t\t\"uid\": 0,\n"
	"\t\t\t\"gid\": 0\n"
	"\t\t},\n"
	"\t\t\"args\": [\n"
	"\t\t\t\"sh\"\n"
	"\t\t],\n"
	"\t\t\"env\": [\n"
	"\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
	"\t\t\t\"TERM=xterm\"\n"
	"\t\t],\n"
	"\t\t\"cwd\": \"/\",\n"
	"\t\t\"capabilities\": {\n";

static const char *const capability_sets[] = { "bounding", "effective", "permitted" };

static const struct name capabilities[] = {
	{ "CAP_AUDIT_WRITE", CAP_AUDIT_WRITE },
	{ "CAP_KILL", CAP_KILL },
	{ "CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE },
	{ "", 0 },
};

static const char process_end[] =
	"\t\t},\n"
	"\t\t\"rlimits\": [\n"
	"\t\t\t{\n"
	"\t\t\t\t\"type\": \"RLIMIT_NOFILE\",\n"
	"\t\t\t\t\"hard\": 1024,\n"
	"\t\t\t\t\"soft\": 1024\n"
	"\t\t\t}\n"
	"\t\t],\n"
	"\t\t\"noNewPrivileges\": true\n"
	"\t},\n"
	"\t\"root\": {\n"
	"\t\t\"path\": \"rootfs\",\n"
	"\t\t\"readonly\": true\n"
	"\t},\n"
	"\t\"hostname\": \"orlop\",\n";

enum who {
	ALWAYS,
	PRIVILEGED,	/* left out of a rootless document */
	ROOTLESS,	/* only there */
};

#define MOST_OPTIONS 8

static const struct {
	enum who who;
	const char *destination, *type, *source;
	const char *options[MOST_OPTIONS];
} mounts[] = {
	{ ALWAYS, "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ ALWAYS, "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ PRIVILEGED, "/dev/pts", "devpts", "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	/* gid 5 has no meaning where one id is mapped */
	{ ROOTLESS, "/dev/pts", "devpts", "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" } },
	{ ALWAYS, "/dev/shm", "tmpfs", "shm",
	  { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ ALWAYS, "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ PRIVILEGED, "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ PRIVILEGED, "/sys/fs/cgroup", "cgroup", "cgroup",
	  { "nosuid", "noexec", "nodev", "relatime", "ro" } },
	/* sysfs belongs to the network, which is the caller's; read-only, cgroups included */
	{ ROOTLESS, "/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "rro" } },
};

static const struct {
	enum who who;
	const char *type;
} namespaces[] = {
	{ ALWAYS, "pid" },
	{ PRIVILEGED, "network" },
	{ ALWAYS, "ipc" },
	{ ALWAYS, "uts" },
	{ ALWAYS, "mount" },
	{ ALWAYS, "cgroup" },
	{ ROOTLESS, "user" },
};

/* What tells about the host, or slows it down by being read. */
static const char *const masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
	"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
};

static const char *const readonly[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_wanted(const struct spec_options *o, enum who who)
{
	return who == ALWAYS || (who == ROOTLESS) == o->rootless;
}

static void put_capabilities(struct text *t, uint64_t dropped)
{
	const char *between = "\n";

	for (const struct name *row = capabilities; row->word[0]; row++) {
		if (dropped >> row->value & 1)
			continue;
		text_printf(t, "%s\t\t\t\t\"%s\"", between, row->word);
		between = ",\n";
	}
}

static void put_process(struct text *t, const struct spec_options *o)
{
	uint64_t dropped = o->profile ? o->profile->drop_capabilities : 0;

	text_puts(t, process);
	for (size_t i = 0; i < COUNT(capability_sets); i++) {
		text_printf(t, "\t\t\t\"%s\": [", capability_sets[i]);
		put_capabilities(t, dropped);
		text_printf(t, "\n\t\t\t]%s\n", i + 1 < COUNT(capability_sets) ? "," : "");
	}
	text_puts(t, process_end);
}

static void put_mounts(struct text *t, const struct spec_options *o)
{
	const char *between = "";

	text_puts(t, "\t\"mounts\": [\n");
	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (!is_wanted(o, mounts[i].who))
			continue;
		text_printf(t, "%s\t\t{\n\t\t\t\"destination\": \"%s\",\n\t\t\t\"type\": \"%s\",\n"
			       "\t\t\t\"source\": \"%s\",\n\t\t\t\"options\": [\n",
			    between, mounts[i].destination, mounts[i].type, mounts[i].source);
		for (size_t j = 0; j < MOST_OPTIONS && mounts[i].options[j]; j++)
			text_printf(t, "%s\t\t\t\t\"%s\"", j ? ",\n" : "", mounts[i].options[j]);
		text_puts(t, "\n\t\t\t]\n\t\t}");
		between = ",\n";
	}
	text_puts(t, "\n\t],\n");
}

static void put_id_map(struct text *t, const char *member, uint32_t host)
{
	text_printf(t, "\t\t\"%s\": [\n\t\t\t{\n\t\t\t\t\"containerID\": 0,\n"
		       "\t\t\t\t\"hostID\": %u,\n\t\t\t\t\"size\": 1\n\t\t\t}\n\t\t],\n",
		    member, host);
}

static void put_namespaces(struct text *t, const struct spec_options *o)
{
	const char *between = "";

	text_puts(t, "\t\t\"namespaces\": [\n");
	for (size_t i = 0; i < COUNT(namespaces); i++) {
		if (!is_wanted(o, namespaces[i].who))
			continue;
		text_printf(t, "%s\t\t\t{\n\t\t\t\t\"type\": \"%s\"\n\t\t\t}", between,
			    namespaces[i].type);
		between = ",\n";
	}
	text_puts(t, "\n\t\t],\n");
}

static void put_paths(struct text *t, const char *member, const char *const *paths, size_t count,
		      const struct str_list *more)
{
	text_printf(t, "\t\t\"%s\": [\n", member);
	for (size_t i = 0; i < count; i++)
		text_printf(t, "%s\t\t\t\"%s\"", i ? ",\n" : "", paths[i]);
	for (size_t i = 0; more && i < more->count; i++) {
		text_puts(t, ",\n\t\t\t");
		text_json(t, more->items[i]);
	}
	text_puts(t, "\n\t\t]");
}

/* In the profile it stands one level deep, here two. */
static void put_seccomp(struct text *t, const char *json, size_t len)
{
	text_puts(t, ",\n\t\t\"seccomp\": ");
	for (size_t i = 0; i < len; i++) {
		text_add(t, json + i, 1);
		if (json[i] == '\n')
			text_puts(t, "\t");
	}
}

void spec_print(struct text *t, const struct spec_options *o)
{
	text_puts(t, "{\n\t\"ociVersion\": \"1.3.0\",\n");
	put_process(t, o);
	put_mounts(t, o);
	text_puts(t, "\t\"linux\": {\n");
	if (o->rootless) {
		put_id_map(t, "uidMappings", o->uid);
		put_id_map(t, "gidMappings", o->gid);
	} else {	/* nothing but the default devices */
		text_puts(t, "\t\t\"resources\": {\n\t\t\t\"devices\": [\n\t\t\t\t{\n"
			     "\t\t\t\t\t\"allow\": false,\n\t\t\t\t\t\"access\": \"rwm\"\n"
			     "\t\t\t\t}\n\t\t\t]\n\t\t},\n");
	}
	put_namespaces(t, o);
	put_paths(t, "maskedPaths", masked, COUNT(masked), o->profile ? &o->profile->masked_paths : NULL);
	text_puts(t, ",\n");
	put_paths(t, "readonlyPaths", readonly, COUNT(readonly),
		  o->profile ? &o->profile->readonly_paths : NULL);
	if (o->seccomp)
		put_seccomp(t, o->seccomp, o->seccomp_len);
	text_puts(t, "\n\t}\n}\n");
}

/* Past a string that begins at its quote; NULL when it does not end. */
static const char *skip_string(const char *s)
{
	for (s++; *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		if (!*s)
			return NULL;
	}
	return s + 1;
}

const char *spec_profile_seccomp(const char *profile, size_t *ret_len)
{
	static const char name[] = "\"seccomp\"";
	const char *start = NULL;
	int depth = 0;

	for (const char *s = profile; s && *s;) {
		if (*s == '"') {
			const char *after = skip_string(s);

			if (!start && depth == 1 && strncmp(s, name, strlen(name)) == 0) {
				const char *value = after + strspn(after, " \t\r\n");

				if (*value == ':') {
					value++;
					start = value + strspn(value, " \t\r\n");
					after = start;
				}
			}
			s = after;
			continue;
		}
		depth += (*s == '{' || *s == '[') - (*s == '}' || *s == ']');
		s++;
		if (start && depth == 1 && s > start && s[-1] == '}') {
			*ret_len = (size_t)(s - start);
			return *start == '{' ? start : NULL;
		}
	}
	return NULL;
}
