/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the writer and the reader of the audit log agree on.
 */
#pragma once

#include "base/sha256.h"
#include "orlop/audit.h"

#define AUDIT_DIRECTORY ".audit"
#define AUDIT_LOG "log"
#define AUDIT_HEAD "head"

/* LINE_MAX_: no line is longer. HEAD: "NUMBER DIGEST\n". */
enum { AUDIT_FILE_MAX = 4 << 20, AUDIT_KEPT = 8, AUDIT_LINE_MAX = 16 << 10,
	AUDIT_HEAD_LEN = 20 + 1 + 2 * SHA256_SIZE + 1 };

struct audit_head {
	uint64_t number;
	char digest[SHA256_HEX_SIZE];
};

/* The digest of a line, without its newline. */
void audit_digest(const char *line, size_t len, char ret[SHA256_HEX_SIZE]);

/* What the digest of the line before the first one is: nothing but zeros. */
extern const char audit_nothing[SHA256_HEX_SIZE];

/* PURE. The number that a line begins with; 0 when it is no line of the log. */
uint64_t audit_number(const char *line);

/* PURE. Reads what the head file says; false when that is nothing. */
bool audit_head_read(const char *text, struct audit_head *ret);

/* The name of the n-th file, 0 being the newest. */
const char *audit_file(unsigned n, char room[16]);

/* Opens the directory of the log, locked for at most timeout_ms; -1 and *e. `make`: when absent. */
int audit_open(const char *root, bool make, bool shared, int timeout_ms, struct err *e)
	__attribute__((warn_unused_result));
