/* SPDX-License-Identifier: Apache-2.0 */
#include "base/systemd_place.h"

#include <string.h>

/* The value of a hexadecimal digit, or -1. */
static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/*
 * The first address of a list "unix:path=/run/user/1/bus,guid=...;...", in which a byte may be
 * written as %2f. NULL when it is no unix socket with a path or an abstract name.
 */
static const char *bus_path(const char *address, struct arena *a)
{
	bool abstract = strncmp(address, "unix:abstract=", 14) == 0;
	char *path, *out;

	if (!abstract && strncmp(address, "unix:path=/", 11) != 0)
		return NULL;
	address += abstract ? 14 : 10;
	path = out = arena_alloc(a, strlen(address) + 2);
	if (abstract)
		*out++ = '@';
	for (; *address && *address != ',' && *address != ';'; address++) {
		int high = *address == '%' ? digit(address[1]) : -1;
		int low = high >= 0 ? digit(address[2]) : -1;

		if (*address == '%' && (low < 0 || high * 16 + low == 0))
			return NULL;
		*out++ = *address == '%' ? (char)(high * 16 + low) : *address;
		address += *address == '%' ? 2 : 0;
	}
	*out = '\0';
	return path[1] ? path : NULL;
}

size_t systemd_places(bool user, const char *runtime, const char *address, struct arena *a,
		      struct systemd_place ret[SYSTEMD_PLACES_MAX])
{
	size_t count = 0;

	if (!user) {
		ret[count++] = (struct systemd_place){ "/run/systemd/private", false };
		ret[count++] = (struct systemd_place){ "/run/dbus/system_bus_socket", true };
		return count;
	}
	if (runtime && *runtime == '/')
		ret[count++] = (struct systemd_place){
			arena_printf(a, "%s/systemd/private", runtime), false };
	address = address ? bus_path(address, a) : NULL;
	if (address)
		ret[count++] = (struct systemd_place){ address, true };
	if (runtime && *runtime == '/')
		ret[count++] = (struct systemd_place){ arena_printf(a, "%s/bus", runtime), true };
	return count;
}
