/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log's small words: numbers, heads, file names; and that the digest of a line is that of
 * its bytes. What the chain notices is in tests/e2e/test_audit.py.
 */
#include "check.h"
#include "guard/audit.h"
#include "orlop/auto.h"

int main(void)
{
	static const char *const bad[] = {
		"", "nonsense", "1 abc", "00000000000000000001 ABCDEF", "-1",
		"00000000000000000001 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
	};
	struct audit_head head;
	char digest[SHA256_HEX_SIZE], room[16];

	CHECK(audit_number("{\"number\":7,\"before\":") == 7);
	CHECK(audit_number("{\"number\":\"7\"") == 0 && audit_number("") == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!audit_head_read(bad[i], &head), "%s", bad[i]);
	audit_digest("", 0, digest);
	CHECK_STR(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK(audit_head_read("00000000000000000042 "
			      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			      &head) && head.number == 42);
	CHECK_STR(head.digest, digest);
	CHECK_STR(audit_file(0, room), "log");
	CHECK_STR(audit_file(3, room), "log.3");
	return check_result();
}
