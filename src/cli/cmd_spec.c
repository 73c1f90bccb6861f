/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orlop spec. The document is read back before it is written: what create would refuse is not
 * handed out, whatever profile it was made with.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/command.h"
#include "cli/profiles.h"
#include "cli/spec.h"
#include "orlop/auto.h"

static int build(const struct command *c, struct text *t, struct err *e)
{
	const struct cli_values *v = &c->call->values;
	const char *name = v->profile ? v->profile : "default";
	const char *text = profiles_find(name, c->arena, e);
	struct spec_options o = { .rootless = v->rootless_spec, .uid = geteuid(), .gid = getegid() };
	struct profile profile;
	struct oci_config config;

	if (!text || profile_read(name, text, strlen(text), c->arena, &profile, e))
		return -1;
	o.profile = &profile;
	o.seccomp = spec_profile_seccomp(text, &o.seccomp_len);
	spec_print(t, &o);
	if (oci_config_read("config.json", t->bytes, t->len, c->arena, &config, e))
		return err_in(e, "profile \"%s\"", name);
	return 0;
}

static int write_new(int dir, const struct text *t, struct err *e)
{
	auto_fd int fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_USAGE, "File config.json exists. Remove it first");
	if (fd < 0)
		return err_sys(e, "open config.json");
	if (fd_write_all(fd, t->bytes, t->len)) {
		err_sys(e, "write config.json");
		unlinkat(dir, "config.json", 0);
		return -1;
	}
	return 0;
}

int cmd_spec(const struct command *c, struct err *e)
{
	const char *bundle = c->call->values.bundle;
	auto_fd int dir = open(bundle ? bundle : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct text t = TEXT_IN(c->arena);

	if (dir < 0)
		return err_sys(e, "chdir %s", bundle ? bundle : ".");
	if (build(c, &t, e))
		return -1;
	return write_new(dir, &t, e);
}
