/* SPDX-License-Identifier: Apache-2.0 */
#include "base/environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "orlop/auto.h"

/*
 * LISTEN_* and NOTIFY_SOCKET are systemd's protocols, the two addresses find a user's own
 * directories and bus; ORLOP_* are for those who look for mistakes. PATH is not among these on
 * purpose.
 */
static const char *const allowed[] = {
	"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "XDG_RUNTIME_DIR",
	"DBUS_SESSION_BUS_ADDRESS", "ORLOP_DEBUG",
};

static char *const nothing[] = { NULL };
static char *const *inherited = nothing;

static bool is_named(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* Of a name that is there twice the first is kept: that is the one getenv(3) finds. */
void environment_clean(void)
{
	static char *kept[ARRAY_LEN(allowed) + 1];
	size_t count = 0;

	for (size_t i = 0; environ && i < ARRAY_LEN(allowed); i++)
		for (char **entry = environ; *entry; entry++)
			if (is_named(*entry, allowed[i])) {
				kept[count++] = *entry;
				break;
			}
	kept[count] = NULL;
	if (environ)
		inherited = environ;
	environ = kept;
}

char *const *environment_inherited(void)
{
	return inherited;
}

void environment_forget(void)
{
	inherited = nothing;
}
