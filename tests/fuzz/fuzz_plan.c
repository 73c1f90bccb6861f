/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration, on several hosts and with several options: refused with a sentence
 * that says where, or planned. A plan says why for every line, is a JSON document when printed as
 * one, and keeps what is promised about every plan.
 */
#include <stdlib.h>
#include <string.h>

#include "json/doc.h"
#include "orlop/auto.h"
#include "orlop/plan.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void check_caps(const struct plan_process *p, uint64_t bounding)
{
	must(!(p->cap_bounding & ~bounding) && !(p->cap_permitted & ~bounding));
	must(!(p->cap_effective & ~p->cap_permitted));
	must(!(p->cap_inheritable & ~p->cap_bounding));
	must(!(p->cap_ambient & ~(p->cap_permitted & p->cap_inheritable)));
}

static void check_cgroup(const struct plan_cgroup *c)
{
	must(c->driver == PLAN_CGROUP_DISABLED || (c->path && c->path[0] == '/'));
	must(!c->path || (!strstr(c->path, "/../") && !strstr(c->path, "//")));
	must(c->driver == PLAN_CGROUP_DISABLED || c->device_rules.count >= 11);
	for (size_t i = 0; i < c->writes.count; i++) {
		const struct plan_cgroup_write *w = &c->writes.items[i];
		size_t k = 0;

		must(!strchr(w->file, '/') && !strchr(w->value, '\n'));
		while (w->controller && k < c->controllers.count &&
		       strcmp(c->controllers.items[k], w->controller) != 0)
			k++;
		must(!w->controller || k < c->controllers.count);
	}
}

static void check_plan(const struct plan *p, const struct host_facts *facts, struct arena *a)
{
	const char *text = plan_text(p, true, a), *json = plan_json(p, true, a);
	bool user_ns = p->namespaces.count && p->namespaces.items[0].type == OCI_NS_USER;
	auto_doc d = DOC_NONE;
	struct err e = { 0 };

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *cause = strstr(text, "  # ");

		must(text[len] == '\n');
		must(strncmp(text, "warning ", 8) == 0 || (cause && cause < text + len));
		text += len + 1;
	}
	/* A document of ours may be longer than one that we read. */
	must(strlen(json) > DOC_SIZE_MAX || !doc_read("json", json, strlen(json), a, &d, &e));
	check_cgroup(&p->cgroup);
	if (p->has_process)
		check_caps(&p->process, user_ns ? UINT64_MAX : facts->cap_bounding);
	for (size_t i = 0; i < p->sysctls.count; i++)
		must(p->sysctls.items[i].key[0] != '/' && !strstr(p->sysctls.items[i].key, ".."));
	for (size_t i = 1; i < p->namespaces.count; i++)
		must(p->namespaces.items[i - 1].type < p->namespaces.items[i].type);
	must(p->namespaces.count > 0);
	must(p->namespaces.items[p->namespaces.count - 1].type == OCI_NS_MOUNT);
}

static void check_error(const struct err *e)
{
	must(e->len == strlen(e->text) && e->len > 0);
	must(e->kind == ERR_CONFIG || e->kind == ERR_USAGE || e->kind == ERR_SYSTEM);
	must(e->kind != ERR_CONFIG || strncmp(e->text, "config.json:", 12) == 0);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	const struct host_facts hosts[] = {
		{ .kernel_major = 6, .cgroup_mode = HOST_CGROUP_PURE, .cgroup_mount = "/c",
		  .controllers = "cpuset cpu io memory hugetlb pids rdma misc", .cap_last = 40,
		  .cap_bounding = UINT64_MAX, .time_ns = true, .seccomp_flags = UINT32_MAX },
		{ .kernel_major = 5, .kernel_minor = 14, .cgroup_mode = HOST_CGROUP_HYBRID,
		  .cgroup_mount = "/c", .controllers = "", .hugepage_sizes = "2MB", .cap_last = 38,
		  .cap_bounding = 0xfffff, .in_user_ns = true, .apparmor = true },
	};
	const struct plan_options options[] = {
		{ .id = "x", .bundle = "/b" },
		{ .id = "x", .bundle = "/b", .detached = true, .console_socket = true,
		  .notify_socket = true, .notify_dir = "/n", .preserve_fds = 2, .listen_fds = 1 },
		{ .id = "x", .bundle = "/b", .cgroup_driver = PLAN_CGROUP_DISABLED },
	};
	auto_arena a = ARENA_NONE;
	struct oci_config config;
	struct err e = { 0 };

	if (oci_config_read("config.json", (const char *)bytes, len, &a, &config, &e))
		return 0;
	for (size_t h = 0; h < ARRAY_LEN(hosts); h++) {
		for (size_t o = 0; o < ARRAY_LEN(options); o++) {
			struct plan plan;

			e = (struct err){ 0 };
			if (plan_make(&config, "config.json", &options[o], &hosts[h], &a, &plan, &e))
				check_error(&e);
			else
				check_plan(&plan, &hosts[h], &a);
		}
	}
	return 0;
}
