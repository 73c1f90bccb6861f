/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every member of the specification arrives in its field. The document has each of them once,
 * with values that cannot be mistaken for a default; what is refused is in tests/golden/refuse.
 */
#include "orlop/oci_config.h"

#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/file.h"
#include "check.h"
#include "orlop/auto.h"

#define FULL SOURCE_ROOT "/tests/golden/accept/full.json"
#define CAP(number) (UINT64_C(1) << (number))

static bool is_u32(struct opt_u32 opt, uint32_t value)
{
	return opt.set && opt.value == value;
}

static bool is_i64(struct opt_i64 opt, int64_t value)
{
	return opt.set && opt.value == value;
}

static bool is_u64(struct opt_u64 opt, uint64_t value)
{
	return opt.set && opt.value == value;
}

static void check_strs(const struct str_list *list, size_t count, const char *first,
		       const char *last)
{
	CHECK(list->count == count, "%zu", list->count);
	if (list->count != count || !count)
		return;
	CHECK_STR(list->items[0], first);
	CHECK_STR(list->items[count - 1], last);
}

static void check_process(const struct oci_process *p)
{
	CHECK(p->set && p->line == 3 && p->terminal);
	CHECK(p->console_size.set && p->console_size.height == 25 && p->console_size.width == 80);
	CHECK(p->user.set && p->user.uid == 1000 && p->user.gid == 4294967294);
	CHECK(is_u32(p->user.umask, 077));
	CHECK(p->user.additional_gids.count == 3 && p->user.additional_gids.items[1] == 6);
	check_strs(&p->args, 3, "sh", "echo \xc3\xbc" "ber; \"quoted\"");
	check_strs(&p->env, 4, "PATH=/usr/bin:/bin", "NOTHING");
	CHECK_STR(p->cwd, "/");
	CHECK(p->caps.set && p->caps.bounding == (CAP(29) | CAP(5) | CAP(40)));
	CHECK(p->caps.effective == (CAP(29) | CAP(5)) && p->caps.inheritable == CAP(5));
	CHECK(p->caps.permitted == CAP(29) && p->caps.ambient == CAP(10));
	check_strs(&p->caps.unknown, 2, "CAP_OF_TOMORROW", "cap_lower");
	CHECK(p->rlimits.count == 2 && p->rlimits.items[0].resource == RLIMIT_NOFILE);
	CHECK(p->rlimits.items[0].soft == 1000 && p->rlimits.items[0].hard == 1024);
	CHECK(p->rlimits.items[1].resource == RLIMIT_CORE && p->rlimits.items[1].soft == 0);
	CHECK(p->rlimits.items[1].hard == UINT64_MAX && p->rlimits.items[1].line == 26);
	CHECK(p->no_new_privileges && is_i64(p->oom_score_adj, -500));
	CHECK_STR(p->apparmor_profile, "acme_secure_profile");
	CHECK_STR(p->selinux_label, "system_u:system_r:svirt_lxc_net_t:s0:c124,c675");
	CHECK(p->scheduler.set && p->scheduler.policy == SCHED_DEADLINE);
	CHECK(p->scheduler.nice == -20 && p->scheduler.priority == 99);
	CHECK(p->scheduler.flags == (SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_UTIL_CLAMP_MAX));
	CHECK(p->scheduler.runtime == 10000000 && p->scheduler.deadline == UINT64_MAX);
	CHECK(p->scheduler.period == 30000000);
	CHECK(p->io_priority.set && p->io_priority.class == 3 && p->io_priority.priority == 4);
	CHECK(p->exec_cpu_affinity.set);
	CHECK_STR(p->exec_cpu_affinity.initial, "7");
	CHECK_STR(p->exec_cpu_affinity.final, "0-3, 7");
}

static void check_top(const struct oci_config *c)
{
	CHECK_STR(c->oci_version, "1.3.0");
	CHECK(c->root.set && c->root.readonly);
	CHECK_STR(c->root.path, "rootfs");
	CHECK_STR(c->hostname, "slartibartfast");
	CHECK_STR(c->domainname, "example.org");
	CHECK(c->annotations.count == 3);
	CHECK_STR(c->annotations.items[0].key, "com.example.gpu-cores");
	CHECK_STR(c->annotations.items[0].value, "2");
	CHECK_STR(c->annotations.items[1].value, "");
}

static void check_mounts(const struct oci_config *c)
{
	const struct oci_mount *m = c->mounts.items;

	CHECK(c->mounts.count == 3);
	CHECK_STR(m[0].destination, "/proc");
	CHECK_STR(m[0].type, "proc");
	CHECK_STR(m[0].source, "proc");
	check_strs(&m[0].options, 0, NULL, NULL);
	check_strs(&m[1].options, 4, "nosuid", "size=65536k");
	CHECK_STR(m[2].destination, "data");
	CHECK(m[2].uid_maps.count == 1 && m[2].uid_maps.items[0].host == 1000);
	CHECK(m[2].gid_maps.count == 1 && m[2].gid_maps.items[0].size == 1);
	CHECK(m[2].line == 53, "%u", m[2].line);
}

static void check_hooks(const struct oci_hooks *h)
{
	CHECK(h->prestart.count == 2 && !h->prestart.items[0].timeout.set);
	CHECK_STR(h->prestart.items[0].path, "/usr/bin/fix-mounts");
	check_strs(&h->prestart.items[0].args, 3, "fix-mounts", "arg2");
	check_strs(&h->prestart.items[0].env, 1, "key1=value1", "key1=value1");
	CHECK_STR(h->prestart.items[1].path, "/usr/bin/setup-network");
	CHECK(h->create_runtime.count == 1 && is_i64(h->create_runtime.items[0].timeout, 10));
	CHECK(h->create_container.count == 1);
	CHECK_STR(h->create_container.items[0].path, "/usr/bin/mount-hook");
	CHECK_STR(h->start_container.items[0].path, "/usr/bin/refresh-ldcache");
	CHECK_STR(h->poststart.items[0].path, "/usr/bin/notify-start");
	CHECK(h->poststop.count == 2);
	CHECK_STR(h->poststop.items[1].path, "/usr/bin/last");
}

static void check_devices(const struct oci_linux *l)
{
	const struct oci_device *d = l->devices.items;

	CHECK(l->devices.count == 4 && d[0].type == OCI_DEVICE_CHAR);
	CHECK_STR(d[0].path, "/dev/fuse");
	CHECK(is_i64(d[0].major, 10) && is_i64(d[0].minor, 229) && is_u32(d[0].mode, 0666));
	CHECK(is_u32(d[0].uid, 0) && is_u32(d[0].gid, 0) && !d[1].uid.set);
	CHECK(d[1].type == OCI_DEVICE_BLOCK && is_u32(d[1].mode, 060660));
	CHECK(d[2].type == OCI_DEVICE_CHAR && d[3].type == OCI_DEVICE_FIFO);
	CHECK(!d[3].major.set && !d[3].minor.set);
	CHECK(l->net_devices.count == 2);
	CHECK_STR(l->net_devices.items[0].host_name, "eth0");
	CHECK_STR(l->net_devices.items[0].name, "container_eth0");
	CHECK_STR(l->net_devices.items[1].host_name, "ens4");
	CHECK_STR(l->net_devices.items[1].name, NULL);
}

static void check_linux(const struct oci_linux *l)
{
	static const enum oci_ns order[] = {
		OCI_NS_PID, OCI_NS_NETWORK, OCI_NS_IPC, OCI_NS_UTS, OCI_NS_MOUNT, OCI_NS_USER,
		OCI_NS_CGROUP, OCI_NS_TIME,
	};

	CHECK(l->set && l->namespaces.count == ARRAY_LEN(order));
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		CHECK(l->namespaces.items[i].type == order[i], "%zu", i);
	CHECK_STR(l->namespaces.items[0].path, NULL);
	CHECK_STR(l->namespaces.items[1].path, "/run/netns/blue");
	CHECK(l->uid_maps.count == 1 && l->uid_maps.items[0].size == UINT32_MAX);
	CHECK(l->gid_maps.count == 2 && l->gid_maps.items[0].host == 100000);
	CHECK(l->gid_maps.items[1].container == 65536);
	CHECK(l->monotonic.set && l->monotonic.secs == -172800);
	CHECK(l->monotonic.nanosecs == 999999999);
	CHECK(l->boottime.set && l->boottime.secs == 604800 && l->boottime.nanosecs == 0);
	CHECK_STR(l->cgroups_path, "/myRuntime/myContainer");
	CHECK(l->rootfs_propagation == OCI_PROPAGATION_SLAVE);
	CHECK(l->sysctl.count == 2);
	CHECK_STR(l->sysctl.items[1].key, "net.core.somaxconn");
	CHECK_STR(l->sysctl.items[1].value, "256");
	check_strs(&l->masked_paths, 2, "/proc/kcore", "/proc/latency_stats");
	check_strs(&l->readonly_paths, 2, "/proc/asound", "/proc/bus");
	CHECK_STR(l->mount_label, "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811");
	CHECK(l->personality.set && l->personality.domain == 8 && !l->personality.flags.count);
	CHECK(l->memory_policy.set && l->memory_policy.mode == 6);
	CHECK_STR(l->memory_policy.nodes, "0-1");
	CHECK(l->memory_policy.flags == (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES));
	CHECK(l->intel_rdt.set && l->intel_rdt.enable_monitoring);
	CHECK_STR(l->intel_rdt.clos_id, "guaranteed_group");
	CHECK_STR(l->intel_rdt.l3_cache_schema, "L3:0=7f0;1=1f");
	CHECK_STR(l->intel_rdt.mem_bw_schema, "MB:0=20;1=70");
	check_strs(&l->intel_rdt.schemata, 1, "L2:0=ff", "L2:0=ff");
}

static void check_throttle(const struct throttle_list *list, int64_t minor, uint64_t rate)
{
	CHECK(list->count == 1 && list->items[0].major == 8 && list->items[0].minor == minor);
	CHECK(list->items[0].rate == rate);
}

static void check_resources(const struct oci_resources *r)
{
	CHECK(r->set && r->devices.count == 3);
	CHECK(!r->devices.items[0].allow && r->devices.items[0].type == OCI_DEVICE_ALL);
	CHECK(!r->devices.items[0].major.set && !r->devices.items[0].minor.set);
	CHECK_STR(r->devices.items[0].access, "rwm");
	CHECK(r->devices.items[1].allow && r->devices.items[1].type == OCI_DEVICE_CHAR);
	CHECK(is_i64(r->devices.items[1].major, 10) && is_i64(r->devices.items[1].minor, 229));
	CHECK(is_i64(r->devices.items[2].major, 8) && !r->devices.items[2].minor.set);
	CHECK(r->memory.set && is_i64(r->memory.limit, 536870912));
	CHECK(is_i64(r->memory.reservation, 536870911) && is_i64(r->memory.swap, -1));
	CHECK(is_i64(r->memory.kernel, -1) && is_i64(r->memory.kernel_tcp, 0));
	CHECK(is_u64(r->memory.swappiness, 100));
	CHECK(r->memory.disable_oom_killer.set && !r->memory.disable_oom_killer.value);
	CHECK(r->memory.use_hierarchy.set && r->memory.use_hierarchy.value);
	CHECK(r->memory.check_before_update.set && r->memory.check_before_update.value);
	CHECK(r->cpu.set && is_u64(r->cpu.shares, 1024) && is_i64(r->cpu.quota, 1000000));
	CHECK(is_u64(r->cpu.period, 500000) && is_u64(r->cpu.burst, 1000));
	CHECK(is_i64(r->cpu.realtime_runtime, 950000) && is_u64(r->cpu.realtime_period, 1000000));
	CHECK_STR(r->cpu.cpus, "2-3");
	CHECK_STR(r->cpu.mems, "0-7");
	CHECK(is_i64(r->cpu.idle, 1));
	CHECK(r->pids.set && is_i64(r->pids.limit, 0));
	CHECK(r->block_io.set && is_u32(r->block_io.weight, 10));
	CHECK(is_u32(r->block_io.leaf_weight, 11) && r->block_io.weight_devices.count == 2);
	CHECK(is_u32(r->block_io.weight_devices.items[0].leaf_weight, 300));
	CHECK(r->block_io.weight_devices.items[1].minor == 16);
	check_throttle(&r->block_io.read_bps, 0, 600);
	check_throttle(&r->block_io.write_bps, 1, 601);
	check_throttle(&r->block_io.read_iops, 2, 602);
	check_throttle(&r->block_io.write_iops, 16, UINT64_MAX);
	CHECK(r->hugepages.count == 2);
	CHECK_STR(r->hugepages.items[0].page_size, "2MB");
	CHECK(r->hugepages.items[0].limit == UINT64_C(9223372036854772000));
	CHECK(r->network.set && is_u32(r->network.class_id, 1048577));
	CHECK(r->network.priorities == 2);
	CHECK(r->rdma.count == 2 && is_u32(r->rdma.items[0].handles, 3));
	CHECK_STR(r->rdma.items[1].device, "mlx4_0");
	CHECK(!r->rdma.items[1].handles.set && is_u32(r->rdma.items[1].objects, 1000));
	CHECK(r->unified.count == 2);
	CHECK_STR(r->unified.items[0].key, "memory.high");
	CHECK_STR(r->unified.items[0].value, "1073741824");
}

static void check_seccomp(const struct oci_seccomp *s)
{
	CHECK(s->set && s->default_action == OCI_SECCOMP_ERRNO && is_u32(s->default_errno, 38));
	CHECK(s->architectures.count == 3 && s->architectures.items[0] == SCMP_ARCH_X86_64);
	CHECK(s->architectures.items[2] == SCMP_ARCH_X32);
	CHECK(s->flags_set && s->flags == (SECCOMP_FILTER_FLAG_LOG |
					   SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV));
	CHECK_STR(s->listener_path, "/run/agent.sock");
	CHECK_STR(s->listener_metadata, "who asks");
	CHECK(s->rules.count == 3 && s->rules.items[0].action == OCI_SECCOMP_ALLOW);
	check_strs(&s->rules.items[0].names, 3, "getcwd", "no_such_call");
	CHECK(s->rules.items[1].action == OCI_SECCOMP_TRACE);
	CHECK(is_u32(s->rules.items[1].errno_ret, 65535) && s->rules.items[1].args.count == 2);
	CHECK(s->rules.items[1].args.items[0].index == 0);
	CHECK(s->rules.items[1].args.items[0].value == 2114060288);
	CHECK(s->rules.items[1].args.items[0].value_two == UINT64_MAX);
	CHECK(s->rules.items[1].args.items[0].op == OCI_OP_MASKED_EQ);
	CHECK(s->rules.items[1].args.items[1].index == 5);
	CHECK(s->rules.items[1].args.items[1].value == UINT64_MAX);
	CHECK(s->rules.items[1].args.items[1].op == OCI_OP_NE);
	CHECK(s->rules.items[2].action == OCI_SECCOMP_KILL && s->rules.items[2].line > 0);
}

static void check_full(void)
{
	auto_arena a = ARENA_NONE;
	struct oci_config c = { 0 };
	struct err e = { 0 };
	size_t len;
	char *text = file_read_path(FULL, 1 << 20, &a, &len);

	CHECK(text, "full.json cannot be read");
	if (!text)
		return;
	CHECK(oci_config_read("full.json", text, len, &a, &c, &e) == 0, "%s", e.text);
	CHECK(c.misspelt.count == 0, "%s", c.misspelt.items[0]);
	if (!c.root.set)
		return;
	check_top(&c);
	check_process(&c.process);
	check_mounts(&c);
	check_hooks(&c.hooks);
	check_linux(&c.linux);
	check_devices(&c.linux);
	check_resources(&c.linux.resources);
	check_seccomp(&c.linux.seccomp);
}

#define ROOT "\"root\": {\"path\": \"r\"}"

/* Small documents that have to be accepted, each for a reason. */
static const char *const accepted[] = {
	"{\"ociVersion\": \"1.0.0\", " ROOT "}",
	"{\"ociVersion\": \"1.0.2-dev\", " ROOT "}",
	"{\"ociVersion\": \"1.3.0+dev\", " ROOT "}",
	"{\"ociVersion\": \"1.99.12345678901234567890\", " ROOT "}",
	"{\"ociVersion\": \"1.2.3-rc.1.x-y.0+build.007\", " ROOT "}",
	/* null is absence, and so is an empty string */
	"{\"ociVersion\": \"1.0.0\", " ROOT ", \"process\": null, \"mounts\": null,"
	" \"hooks\": null, \"linux\": {\"seccomp\": null,"
	" \"namespaces\": [{\"type\": \"pid\", \"path\": \"\"}],"
	" \"cgroupsPath\": \"\", \"maskedPaths\": null, \"resources\": {\"pids\": {}}}}",
	/* what engines write */
	"{\"ociVersion\": \"1.0.0\", " ROOT ", \"linux\": {\"rootfsPropagation\": \"rslave\","
	" \"devices\": [{\"type\": \"p\", \"path\": \"/x\"}],"
	" \"resources\": {\"devices\": [{\"allow\": false, \"type\": \"a\", \"major\": -1,"
	" \"minor\": -1, \"access\": \"rwm\"}]}, \"memoryPolicy\": {\"mode\": \"MPOL_DEFAULT\","
	" \"nodes\": \"\"}, \"intelRdt\": {\"closID\": \"/\"}, \"personality\":"
	" {\"domain\": \"LINUX\"}, \"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALLOW\","
	" \"flags\": []}}}",
	/* a process without user or arguments: whether it can be started is decided later */
	"{\"ociVersion\": \"1.0.0\", " ROOT ", \"process\": {\"cwd\": \"/\"}}",
};

static void check_accepted(void)
{
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		auto_arena a = ARENA_NONE;
		struct oci_config c;
		struct err e = { 0 };

		CHECK(oci_config_read("t", accepted[i], strlen(accepted[i]), &a, &c, &e) == 0,
		      "%s\n%s", accepted[i], e.text);
	}
}

static void check_parts(void)
{
	static const char process[] = "{\"cwd\": \"/\", \"args\": [\"true\"]}";
	static const char resources[] = "{\"pids\": {\"limit\": -1}, \"unified\": {}}";
	auto_arena a = ARENA_NONE;
	struct oci_process p;
	struct oci_resources r;
	struct err e = { 0 };

	CHECK(oci_process_read("p", process, strlen(process), &a, &p, &e) == 0, "%s", e.text);
	CHECK(p.set && p.args.count == 1 && !p.user.set && !p.caps.set);
	CHECK(oci_resources_read("r", resources, strlen(resources), &a, &r, &e) == 0, "%s", e.text);
	CHECK(r.set && is_i64(r.pids.limit, -1) && !r.memory.set);
	CHECK(oci_process_read("p", "[]", 2, &a, &p, &e) == -1);
	CHECK_STR(e.text, "p:1: expected an object, found an array");
	CHECK(oci_resources_read("r", "", 0, &a, &r, &e) == -1);
	CHECK_STR(e.text, "r: the document is empty");
}

/* What failed must not have touched the result. */
static void check_untouched(void)
{
	auto_arena a = ARENA_NONE;
	char name[] = "x";
	struct oci_config c = { .hostname = name };
	struct err e = { 0 };

	CHECK(oci_config_read("t", "{\"ociVersion\": \"1.0.0\"}", 23, &a, &c, &e) == -1);
	CHECK(!c.oci_version);
	CHECK_STR(c.hostname, "x");
}

int main(void)
{
	check_full();
	check_accepted();
	check_parts();
	check_untouched();
	return check_result();
}
