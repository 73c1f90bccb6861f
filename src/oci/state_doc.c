/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the members is runc's, because engines' tests and people's eyes compare. PURE.
 */
#include "oci/state_doc.h"

void state_doc_put(struct emit *m, const char *key, const struct state_doc *state)
{
	emit_object(m, key);
	emit_str(m, "ociVersion", state->oci_version);
	emit_str(m, "id", state->id);
	emit_i64(m, "pid", state->pid);
	emit_str(m, "status", state->status);
	emit_str(m, "bundle", state->bundle);
	if (state->rootfs)
		emit_str(m, "rootfs", state->rootfs);
	if (state->created)
		emit_str(m, "created", state->created);
	if (state->annotations.count) {
		emit_object(m, "annotations");
		for (size_t i = 0; i < state->annotations.count; i++)
			emit_str(m, state->annotations.items[i].key,
				 state->annotations.items[i].value);
		emit_end(m);
	}
	if (state->owner)
		emit_str(m, "owner", state->owner);
	if (state->remediation)
		emit_raw(m, "remediation", state->remediation);
	emit_end(m);
}

const char *state_doc_text(const struct state_doc *state, unsigned indent, struct arena *a)
{
	struct emit m = EMIT_IN(a, indent);

	state_doc_put(&m, NULL, state);
	return emit_get(&m);
}
