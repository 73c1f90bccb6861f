/* SPDX-License-Identifier: Apache-2.0 */
/* Reading profiles, and the promise that one never loosens anything. */
#include <dirent.h>

#include "check.h"
#include "orlop/auto.h"
#include "orlop/plan.h"
#include "orlop/profile.h"

static void check_refusals(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "{}", "profile p:1: \"description\" is missing" },
		{ "{\"description\": \"\"}", "profile p:1: description: must not be empty" },
		{ "{\"description\": \"a\\nb\"}", "profile p:1: description: has a newline" },
		{ "{\"description\": \"x\", \"mask_paths\": []}",
		  "profile p:1: mask_paths: unknown member of a profile" },
		{ "{\"description\": \"x\", \"drop_capabilities\": [\"CAP_SYS_ADMN\"]}",
		  "profile p:1: drop_capabilities[0]: unknown capability \"CAP_SYS_ADMN\"\n"
		  "hint: did you mean \"CAP_SYS_ADMIN\"?" },
		{ "{\"description\": \"x\", \"drop_capabilities\": \"CAP_KILL\"}",
		  "profile p:1: drop_capabilities: expected an array, found the string "
		  "\"CAP_KILL\"" },
		{ "{\"description\": \"x\", \"masked_paths\": [\"proc\"]}",
		  "profile p:1: masked_paths[0]: expected an absolute path, found \"proc\"" },
		{ "{\"description\": \"x\", \"no_new_privileges\": \"true\"}",
		  "profile p:1: no_new_privileges: expected true or false, found the string "
		  "\"true\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct profile profile;
		struct err e = { 0 };

		CHECK(profile_read("p", rows[i].text, strlen(rows[i].text), &a, &profile, &e) == -1,
		      "%s", rows[i].text);
		CHECK_STR(e.text, rows[i].error);
	}
}

static void check_reading(void)
{
	static const char text[] =
		"{ \"description\": \"d\", \"no_new_privileges\": true,"
		"  \"drop_capabilities\": [\"CAP_CHOWN\", \"CAP_KILL\"],"
		"  \"masked_paths\": [\"/a\"],"
		"  \"readonly_paths\": [\"/b\", \"/c\"],"
		"  \"seccomp\": { \"defaultAction\": \"SCMP_ACT_ERRNO\" } }";
	auto_arena a = ARENA_NONE;
	const struct profile *missing;
	struct profile p;
	struct err e = { 0 };

	CHECK(!profile_read("p", text, strlen(text), &a, &p, &e), "%s", e.text);
	CHECK_STR(p.name, "p");
	CHECK_STR(p.description, "d");
	CHECK(p.no_new_privileges && p.drop_capabilities == 0x21 && p.seccomp.set, " ");
	CHECK(p.masked_paths.count == 1 && p.readonly_paths.count == 2, " ");
	CHECK(profile_load("/nonexistent/p.json", &a, &missing, &e) == -1, " ");
	CHECK_STR(e.text, "profile \"/nonexistent/p.json\": no such file or directory");
}

/* Those that come with the program are read, and each has a filter that denies by default. */
static void check_ours(void)
{
	auto_dir DIR *dir = opendir(SOURCE_ROOT "/profiles");
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir))) {
		auto_arena a = ARENA_NONE;
		const struct profile *p;
		struct err e = { 0 };

		if (!strstr(entry->d_name, ".json"))
			continue;
		count++;
		if (profile_load(arena_printf(&a, "%s/profiles/%s", SOURCE_ROOT, entry->d_name), &a,
				 &p, &e)) {
			CHECK(false, "%s: %s", entry->d_name, e.text);
			continue;
		}
		CHECK(p->seccomp.set && p->seccomp.default_action != OCI_SECCOMP_ALLOW &&
		      p->seccomp.default_action != OCI_SECCOMP_LOG, "%s", entry->d_name);
		CHECK(strlen(p->name) + 5 == strlen(entry->d_name), "%s", p->name);
	}
	CHECK(count >= 2, "%u", count);
}

static bool has_all(const struct str_list *list, const struct str_list *of)
{
	for (size_t i = 0; i < of->count; i++) {
		size_t k = 0;

		while (k < list->count && strcmp(list->items[k], of->items[i]) != 0)
			k++;
		if (k == list->count)
			return false;
	}
	return true;
}

/* The bits of `n` switch the members of a configuration or a profile on and off. */
static void make_config(unsigned n, struct oci_config *c)
{
	static char kcore[] = "/proc/kcore", firmware[] = "/sys/firmware", sys[] = "/proc/sys";
	static char rootfs[] = "rootfs", cwd[] = "/", program[] = "true";
	static char *paths[] = { kcore, firmware, sys }, *args[] = { program };
	static struct oci_namespace ns = { .type = OCI_NS_MOUNT };

	*c = (struct oci_config){ .root = { .set = true, .path = rootfs } };
	c->process = (struct oci_process){ .set = true, .cwd = cwd, .args = { args, 1 } };
	c->linux.namespaces.items = &ns;
	c->linux.namespaces.count = 1;
	c->process.no_new_privileges = n & 1;
	c->process.caps.set = true;
	c->process.caps.bounding = c->process.caps.permitted = n & 2 ? 0xff : 0x0f;
	c->process.caps.effective = c->process.caps.inheritable = n & 4 ? 0x0f : 0;
	c->process.caps.ambient = n & 4 ? 0x03 : 0;
	c->linux.masked_paths = (struct str_list){ paths, n & 8 ? 2 : 0 };
	c->linux.readonly_paths = (struct str_list){ paths + 1, n & 16 ? 2 : 1 };
	c->linux.seccomp.set = n & 32;
	c->linux.seccomp.default_action = OCI_SECCOMP_ERRNO;
}

static void make_profile(unsigned n, struct profile *p)
{
	static char kcore[] = "/proc//kcore", acpi[] = "/proc/acpi", description[] = "d";
	static char *paths[] = { kcore, acpi };

	*p = (struct profile){ .name = "p", .description = description };
	p->no_new_privileges = n & 1;
	p->drop_capabilities = n & 2 ? 0x05 : n & 4 ? UINT64_MAX : 0;
	p->masked_paths = (struct str_list){ paths, n & 8 ? 2 : 0 };
	p->readonly_paths = (struct str_list){ paths, n & 16 ? 2 : 0 };
	p->seccomp.set = n & 32;
	p->seccomp.default_action = OCI_SECCOMP_KILL_PROCESS;
}

static void check_pair(unsigned config_bits, unsigned profile_bits)
{
	auto_arena a = ARENA_NONE;
	const struct host_facts facts = {
		.kernel_major = 6,
		.cgroup_mode = HOST_CGROUP_PURE,
		.cgroup_mount = "/sys/fs/cgroup",
		.cap_last = 40, .cap_bounding = UINT64_MAX, .controllers = "",
	};
	struct plan_options options = { .id = "x", .bundle = "/b" };
	struct profile profile;
	struct oci_config config;
	struct plan without, with;
	struct err e = { 0 };
	bool both = config_bits & profile_bits & 32;

	make_config(config_bits, &config);
	make_profile(profile_bits, &profile);
	CHECK(!plan_make(&config, "c", &options, &facts, &a, &without, &e), "%s", e.text);
	options.profile = &profile;
	if (plan_make(&config, "c", &options, &facts, &a, &with, &e)) {
		CHECK(both, "%u %u: %s", config_bits, profile_bits, e.text);
		return;
	}
	CHECK(!both, "%u %u", config_bits, profile_bits);
	CHECK(with.process.no_new_privs == (without.process.no_new_privs || profile_bits & 1), " ");
	CHECK(!(with.process.cap_bounding & ~without.process.cap_bounding), " ");
	CHECK(!(with.process.cap_effective & ~without.process.cap_effective), " ");
	CHECK(!(with.process.cap_inheritable & ~without.process.cap_inheritable), " ");
	CHECK(!(with.process.cap_permitted & ~without.process.cap_permitted), " ");
	CHECK(!(with.process.cap_ambient & ~without.process.cap_ambient), " ");
	CHECK(!(with.process.cap_bounding & profile.drop_capabilities), " ");
	CHECK(!(with.process.cap_ambient & profile.drop_capabilities), " ");
	CHECK(has_all(&with.masked, &without.masked), " ");
	CHECK(has_all(&with.readonly, &without.readonly), " ");
	CHECK(with.masked.count <= without.masked.count + profile.masked_paths.count, " ");
	CHECK(!without.seccomp ||
	      with.seccomp->default_action == without.seccomp->default_action, " ");
	CHECK(!profile.seccomp.set || with.seccomp, " ");
}

int main(void)
{
	check_refusals();
	check_reading();
	check_ours();
	for (unsigned config = 0; config < 64; config++) {
		for (unsigned profile = 0; profile < 64; profile++)
			check_pair(config, profile);
	}
	return check_result();
}
