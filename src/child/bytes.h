/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The few functions on bytes that the compiler and the steps need.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);

/* Whether two strings are the same. */
bool bytes_equal(const char *a, const char *b);

/* Whether `s` begins with `start`. */
bool bytes_begin(const char *s, const char *start);

/* Where in `s` the byte first stands, or NULL. */
const char *bytes_find(const char *s, char byte);

/* Writes a number in decimal and ends it; returns its length. `to` holds 21 bytes. */
size_t bytes_decimal(char *to, uint64_t number);

/* Reads a number in decimal; -1 when there is none or it is over 2^31. */
long bytes_number(const char *s);
