/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a D-Bus message: refused, or one whose parts all lie inside of it and whose body can
 * be passed over by its signature without leaving it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/dbus.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void must_be_inside(const char *text, const unsigned char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;

	/* Absent ones are "", somewhere else. */
	must(!*text || (at >= bytes && at + strlen(text) < bytes + len));
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	/* A copy without a byte to spare, so that the sanitizer sees the end. */
	unsigned char *exact = malloc(len ? len : 1);
	struct dbus_message m;

	must(exact);
	memcpy(exact, bytes, len);
	if (dbus_message_read(exact, len, &m)) {
		const char *type = m.signature;
		const char *const texts[] = { m.path, m.interface, m.member, m.error, m.sender,
					      m.signature };

		must(dbus_message_size(exact) == len && m.serial && m.body.len <= len);
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			must_be_inside(texts[i], exact, len);
		while (*type && !m.body.bad)
			dbus_skip(&m.body, &type);
		must(m.body.at <= m.body.len);
	}
	free(exact);
	return 0;
}
