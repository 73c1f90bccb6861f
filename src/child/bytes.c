/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. Compiled with -fno-builtin, so that the loops below do not become calls of
 * themselves.
 */
#include "child/bytes.h"

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	char *t = to;
	const char *f = from;

	while (len--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	char *t = to;
	const char *f = from;

	if (t < f)
		while (len--)
			*t++ = *f++;
	else
		while (len--)
			t[len] = f[len];
	return to;
}

void *memset(void *to, int byte, size_t len)
{
	char *t = to;

	while (len--)
		*t++ = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;

	for (; len--; x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool bytes_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool bytes_begin(const char *s, const char *start)
{
	while (*start)
		if (*s++ != *start++)
			return false;
	return true;
}

const char *bytes_find(const char *s, char byte)
{
	for (; *s; s++)
		if (*s == byte)
			return s;
	return NULL;
}

size_t bytes_decimal(char *to, uint64_t number)
{
	char digits[20];
	size_t n = 0, len = 0;

	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	while (n)
		to[len++] = digits[--n];
	to[len] = '\0';
	return len;
}

long bytes_number(const char *s)
{
	long number = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || number > 214748363)
			return -1;
		number = number * 10 + (*s - '0');
	}
	return number;
}
