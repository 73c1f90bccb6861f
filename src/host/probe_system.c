/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs this program, which security modules watch, and which helpers are installed.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "host/probe_parts.h"
#include "host/program.h"
#include "orlop/auto.h"

static void probe_privileges(struct probe *p)
{
	static const struct {
		const char *word;
		unsigned bit;
	} needed[] = {
		{ "CAP_CHOWN", CAP_CHOWN }, { "CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE },
		{ "CAP_KILL", CAP_KILL }, { "CAP_MKNOD", CAP_MKNOD },
		{ "CAP_NET_ADMIN", CAP_NET_ADMIN }, { "CAP_SETGID", CAP_SETGID },
		{ "CAP_SETPCAP", CAP_SETPCAP }, { "CAP_SETUID", CAP_SETUID },
		{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN }, { "CAP_SYS_CHROOT", CAP_SYS_CHROOT },
	};
	const char *status = probe_file(p, "/proc/self/status");
	const char *line = status ? strstr(status, "\nCapEff:") : NULL;
	struct text missing = TEXT_IN(p->arena);
	uint64_t held = 0;

	if (geteuid() != 0) {
		probe_not(p, PROBE_NOTE, "privileges", "run as root for everything else",
			  "user %u: only containers with a user namespace", (unsigned)geteuid());
		return;
	}
	if (!line || sscanf(line, "\nCapEff: %" SCNx64, &held) != 1) {
		probe_not(p, PROBE_BAD, "privileges", "mount proc on /proc",
			  "/proc/self/status cannot be read");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!(held >> needed[i].bit & 1))
			text_printf(&missing, "%s%s", missing.len ? " " : "", needed[i].word);
	if (missing.len)
		probe_not(p, PROBE_BAD, "privileges", "grant them", "root without %s",
			  text_get(&missing));
	else
		probe_ok(p, "privileges", "root");
	if (!(held >> CAP_SYS_RESOURCE & 1))
		probe_not(p, PROBE_NOTE, "resource limits", "grant CAP_SYS_RESOURCE",
			  "rlimits cannot be raised, oom_score_adj cannot be lowered");
}

static void probe_modules(struct probe *p)
{
	const char *list = probe_file(p, "/sys/kernel/security/lsm");
	const char *apparmor = probe_file(p, "/sys/module/apparmor/parameters/enabled");
	const char *selinux = probe_file(p, "/sys/fs/selinux/enforce");

	if (apparmor && *apparmor == 'Y')
		probe_ok(p, "security module", "AppArmor%s%s", list ? "; all: " : "", list ? list : "");
	else if (selinux)
		probe_ok(p, "security module", "SELinux, %s", *selinux == '1' ? "enforcing" : "permissive");
	else
		probe_not(p, PROBE_NOTE, "security module",
			  "boot with security=apparmor or security=selinux where labels are wanted",
			  "neither AppArmor nor SELinux is active; labels are refused");
}

/* An empty session keyring keeps a container from its caller's keys. */
static void probe_keyrings(struct probe *p)
{
	enum { GET_KEYRING_ID = 0, SESSION = -3 };

	if (syscall(SYS_keyctl, GET_KEYRING_ID, SESSION, 0) >= 0 ||
	    (errno != ENOSYS && errno != EPERM))
		probe_ok(p, "keyrings", "each container can have its own");
	else
		probe_not(p, PROBE_NOTE, "keyrings",
			  "build the kernel with CONFIG_KEYS, or give --no-new-keyring",
			  "keyctl(2): %s", err_errno_text(errno));
}

static void probe_programs(struct probe *p)
{
	static const struct {
		const char *name, *advice, *without;
	} programs[] = {
		{ "newuidmap", "install uidmap (Debian) or shadow-utils",
		  "users cannot map more ids than their own" },
		{ "newgidmap", "install uidmap (Debian) or shadow-utils",
		  "users cannot map more ids than their own" },
		{ "criu", "install criu", "no checkpoint and restore" },
		{ "ps", "install procps", "\"orlop ps\" prints json only" },
	};

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		const char *path = program_find(programs[i].name, p->arena);

		if (path)
			probe_ok(p, programs[i].name, "%s", path);
		else
			probe_not(p, PROBE_NOTE, programs[i].name, programs[i].advice,
				  "not installed: %s", programs[i].without);
	}
}

/* The manager answers on the system bus; /run/systemd/system is how it says that it is there. */
static void probe_systemd(struct probe *p)
{
	enum { TIMEOUT_MS = 1000 };
	struct err e;

	if (access("/run/systemd/system", F_OK)) {
		probe_not(p, PROBE_NOTE, "systemd", "boot with systemd where engines ask for it",
			  "not running: --systemd-cgroup does not work");
		return;
	}
	auto_fd int bus = fd_connect_unix("/run/dbus/system_bus_socket", SOCK_STREAM, TIMEOUT_MS, &e);

	if (bus < 0)
		probe_not(p, PROBE_NOTE, "systemd", "install dbus, and start dbus.socket",
			  "running, but its bus is not: %s", e.text);
	else
		probe_ok(p, "systemd", "running, with its bus");
}

void probe_system(struct probe *p)
{
	probe_privileges(p);
	probe_modules(p);
	probe_keyrings(p);
	probe_programs(p);
	probe_systemd(p);
}
