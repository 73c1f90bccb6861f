/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. What the files of the planner share: the question they work on, how they refuse, warn and
 * give reasons, and lists that grow in the plan's arena. Each file answers for one subject; plan.c
 * says in which order.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orlop/auto.h"
#include "orlop/plan.h"

enum { KERNEL_MAJOR_MIN = 5, KERNEL_MINOR_MIN = 14 };

/* Ids stop one short of 2^32: (uid_t)-1 means "leave it" to the kernel. */
#define ID_NONE UINT32_MAX

struct planner {
	const struct oci_config *config;	/* NULL when only a part is planned */
	const char *name;			/* of the document, for messages */
	const struct plan_options *options;
	const struct host_facts *facts;
	struct arena *a;
	struct plan *plan;			/* NULL when only a part is planned */
	struct str_list *warnings;
	bool in_user_ns;	/* the container has a user namespace, be it new or joined */
	bool explain;		/* collect reasons */
	struct err *e;
};

/* A member path (or any short text) in the arena. */
char *plan_at(const struct planner *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Reports "<document>:<line>: <member>: <format>" as a mistake in the configuration; -1. */
int plan_refuse(struct planner *p, unsigned line, const char *member, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));

/* Adds a warning; it ends with what is done instead. */
void plan_warn(struct planner *p, const char *format, ...)
	__attribute__((format(printf, 2, 3), cold));

/*
 * Gives the cause of a fact: the member that asked for it. `fact` begins as the dump's line does.
 */
void plan_because_of(struct planner *p, unsigned line, const char *member, const char *fact, ...)
	__attribute__((format(printf, 4, 5)));

/* Gives the cause of a fact in other words: "default: ...", "option --x", "profile NAME: ...". */
void plan_because(struct planner *p, const char *cause, const char *fact, ...)
	__attribute__((format(printf, 3, 4)));

/* A word as a fact has it: as it is, or in quotes where it could be misread. */
const char *plan_word(struct arena *a, const char *s);

/* Used by LIST_ADD: room for one element more; doubles when count is 0 or a power of two. */
void *plan_list_grow(struct arena *a, void *items, size_t count, size_t size);

/* Appends a value to a list that nothing but this ever filled. */
#define LIST_ADD(arena, list, value) \
	do { \
		(list).items = plan_list_grow((arena), (list).items, (list).count, \
					      sizeof(*(list).items)); \
		(list).items[(list).count++] = (value); \
	} while (0)

/* As LIST_ADD, for a struct written out: LIST_PUSH(a, list, { .member = 1 }). */
#define LIST_PUSH(arena, list, ...) \
	LIST_ADD(arena, list, ((typeof(*(list).items)) __VA_ARGS__))

/* Appends a string to a str_list. */
void plan_push_str(struct arena *a, struct str_list *list, const char *s);

/*
 * A path without empty and "." components and without a last slash; "/" for the root. With
 * `absolute` a leading slash is added. ".." is kept: see plan_path_climbs.
 */
char *plan_path_clean(struct arena *a, const char *path, bool absolute);

/* Whether a path has a ".." component. */
bool plan_path_climbs(const char *path);

/*
 * A cleaned absolute path in which ".." takes away the component before it, as if there were no
 * symbolic links: only for deciding what a path is meant to be.
 */
char *plan_path_lexical(struct arena *a, const char *path);

/* `path` itself, or below `base` when it is relative; cleaned. */
char *plan_path_below(struct arena *a, const char *base, const char *path);

/* Whether the text has a control byte; with `tabs` a tab is none. */
bool plan_has_control(const char *s, bool tabs);

/* Whether a list of words separated by spaces has this one. */
bool plan_has_word(const char *words, const char *word);

/* The namespace entry of this type in the plan, or NULL when it is inherited. */
const struct plan_namespace *plan_find_namespace(const struct plan *plan, enum oci_ns type);

/* The subjects, in the order in which plan_make asks them. */

int plan_namespaces(struct planner *p) __attribute__((warn_unused_result));
int plan_id_maps(struct planner *p) __attribute__((warn_unused_result));
int plan_map_writers(struct planner *p) __attribute__((warn_unused_result));
int plan_net_devices(struct planner *p) __attribute__((warn_unused_result));
int plan_names(struct planner *p) __attribute__((warn_unused_result));
int plan_sysctls(struct planner *p) __attribute__((warn_unused_result));
int plan_mounts(struct planner *p) __attribute__((warn_unused_result));
int plan_masks(struct planner *p) __attribute__((warn_unused_result));
int plan_devices(struct planner *p) __attribute__((warn_unused_result));
int plan_cgroups(struct planner *p) __attribute__((warn_unused_result));
int plan_intel_rdt(struct planner *p) __attribute__((warn_unused_result));
int plan_labels(struct planner *p) __attribute__((warn_unused_result));
int plan_seccomp(struct planner *p) __attribute__((warn_unused_result));
void plan_hooks(struct planner *p);
int plan_harden(struct planner *p) __attribute__((warn_unused_result));

/* Refuses seccomp rules that contradict themselves or this kernel; `at` is their member path. */
int plan_check_seccomp(struct planner *p, const struct oci_seccomp *s, const char *at)
	__attribute__((warn_unused_result));

/* The rules for the plan, which may be moved and may outlive the struct that they came in. */
const struct oci_seccomp *plan_copy_seccomp(struct planner *p, const struct oci_seccomp *s);

/* One process: args, environment, terminal, limits (process.c) and who it is (identity.c). */
int plan_process_into(struct planner *p, const struct oci_process *process,
		      struct plan_process *ret) __attribute__((warn_unused_result));
int plan_identity(struct planner *p, const struct oci_process *process,
		  struct plan_process *ret) __attribute__((warn_unused_result));

/* Adds an entry to an environment; an earlier one of that name goes, so the last one counts. */
void plan_put_env(struct planner *p, struct str_list *env, const char *entry);

/* Takes from a process what the profile of the options does not want it to have (harden.c). */
void plan_harden_process(struct planner *p, struct plan_process *process);

/* Gives the reasons for an environment, once it is complete. */
void plan_explain_env(struct planner *p, const struct oci_process *process,
		      const struct plan_process *made);

/*
 * How a process shares the machine's CPUs, disks and memory (schedule.c); `linux` has what is said
 * for all processes of a container and may be NULL. execCPUAffinity is for `exec` alone.
 */
int plan_schedule(struct planner *p, const struct oci_process *process,
		  const struct oci_linux *linux, bool exec, struct plan_process *ret)
	__attribute__((warn_unused_result));

/* The text of a set, as "0-3,7". */
const char *plan_mask_text(struct arena *a, const struct plan_mask *mask);

/* Members of a process object that have to do with labels (lsm.c). */
int plan_process_labels(struct planner *p, const struct oci_process *process,
			struct plan_process *ret) __attribute__((warn_unused_result));

/* Device rules and limits of one resources object; `at` is its member path (limits.c). */
int plan_limits(struct planner *p, const struct oci_resources *resources, const char *at,
		bool update, struct plan_cgroup *ret) __attribute__((warn_unused_result));
void plan_device_rules(struct planner *p, const struct oci_resources *resources, const char *at,
		       struct plan_cgroup *ret);

/*
 * Notes that a controller has to be enabled; refuses, naming it and the member that wants it, when
 * this host's cgroup2 hierarchy does not have it (cgroup.c).
 */
int plan_want_controller(struct planner *p, struct plan_cgroup *cgroup, const char *controller,
			 unsigned line, const char *member) __attribute__((warn_unused_result));

/*
 * The systemd driver (cgroup_systemd.c): slice, unit and path from cgroupsPath; and, once the
 * limits are planned, the unit's properties, which say what the cgroup's files say, so that
 * systemd writes the same whenever it writes them again.
 */
int plan_unit(struct planner *p) __attribute__((warn_unused_result));
int plan_unit_properties(struct planner *p) __attribute__((warn_unused_result));

/* Adds or replaces a property. */
void plan_put_property(struct planner *p, struct plan_cgroup *cgroup,
		       const struct plan_unit_property *property, const char *cause);

/* The properties that annotations org.systemd.property.* ask for (unit_annotations.c). */
int plan_unit_annotations(struct planner *p) __attribute__((warn_unused_result));

/* Whether the host's cgroup2 hierarchy has a controller. */
bool plan_has_controller(const struct planner *p, const char *controller);

/* Refuses maps without their counterpart, with overlaps, overflows or too many lines. */
int plan_check_maps(struct planner *p, const struct id_map_list *uid,
		    const struct id_map_list *gid, const char *at)
	__attribute__((warn_unused_result));

/* The host id of a container id, ID_NONE when it is not mapped; the same id without maps. */
uint32_t plan_map_id(const struct id_map_list *maps, uint32_t id);

/* Arithmetic of cgroup v2, each with its source in limits.c. */
uint64_t limit_cpu_weight(uint64_t shares);
uint64_t limit_io_weight(uint64_t weight);
