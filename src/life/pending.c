/* SPDX-License-Identifier: Apache-2.0 */
#include "life/pending.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "json/doc.h"
#include "oci/resources_doc.h"

static const char pending_file[] = "pending.json";

bool pending_there(const struct container *c)
{
	return faccessat(c->dir, pending_file, F_OK, 0) == 0;
}

int pending_read(const struct container *c, struct arena *a, struct oci_resources *ret,
		 struct err *e)
{
	size_t len;
	char *text = state_read_file(c->dir, pending_file, DOC_SIZE_MAX, a, &len);

	if (!text)
		return err_sys(e, "read the updates that wait");
	*ret = (struct oci_resources){ .set = false };
	return oci_resources_read(pending_file, text, len, a, ret, e);
}

int pending_add(const struct container *c, const struct oci_resources *change, struct arena *a,
		struct err *e)
{
	struct oci_resources all = { .set = false };
	const char *text;

	if (pending_there(c) && pending_read(c, a, &all, e) < 0)
		return -1;
	oci_resources_merge(&all, change, a);
	text = oci_resources_text(&all, a);
	if (file_replace(c->dir, pending_file, text, strlen(text)) < 0)
		return err_sys(e, "keep the update until the container is released");
	return 0;
}

int pending_remove(const struct container *c, struct err *e)
{
	return unlinkat(c->dir, pending_file, 0) < 0 && errno != ENOENT ?
	       err_sys(e, "remove the updates that waited") : 0;
}
