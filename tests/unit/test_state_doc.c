/* SPDX-License-Identifier: Apache-2.0 */
/* The state document has runc's layout, indented and on one line. */
#include "oci/state_doc.h"

#include "check.h"

static char key_b[] = "b.key", value_v[] = "v", key_a[] = "a", nothing[] = "";
static struct oci_pair pairs[] = { { key_b, value_v }, { key_a, nothing } };

static const struct state_doc full = {
	.oci_version = "1.3.0",
	.id = "web",
	.pid = 4422,
	.status = "running",
	.bundle = "/containers/we\"b",
	.rootfs = "/containers/web/rootfs",
	.created = "2026-11-23T01:23:12.44184039Z",
	.annotations = { pairs, 2 },
	.owner = "",
};

static const struct state_doc bare = {
	.oci_version = "1.0.2",
	.id = "x",
	.status = "stopped",
	.bundle = "/b",
};

static void check_state(void)
{
	auto_arena a = ARENA_NONE;

	CHECK_STR(state_doc_text(&full, 2, &a),
		  "{\n"
		  "  \"ociVersion\": \"1.3.0\",\n"
		  "  \"id\": \"web\",\n"
		  "  \"pid\": 4422,\n"
		  "  \"status\": \"running\",\n"
		  "  \"bundle\": \"/containers/we\\\"b\",\n"
		  "  \"rootfs\": \"/containers/web/rootfs\",\n"
		  "  \"created\": \"2026-11-23T01:23:12.44184039Z\",\n"
		  "  \"annotations\": {\n"
		  "    \"b.key\": \"v\",\n"
		  "    \"a\": \"\"\n"
		  "  },\n"
		  "  \"owner\": \"\"\n"
		  "}");
	CHECK_STR(state_doc_text(&bare, 0, &a),
		  "{\"ociVersion\":\"1.0.2\",\"id\":\"x\",\"pid\":0,\"status\":\"stopped\","
		  "\"bundle\":\"/b\"}");
}

int main(void)
{
	check_state();
	return check_result();
}
