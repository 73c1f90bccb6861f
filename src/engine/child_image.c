/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The assembler includes the program that the build made from src/child.
 */
#include "engine/child_image.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <errno.h>

#include "base/fd.h"
#include "src/child_image_path.h"

extern const char child_image_begin[], child_image_end[];

__asm__(".section .rodata\n"
	".balign 16\n"
	".globl child_image_begin\n"
	".hidden child_image_begin\n"
	"child_image_begin:\n"
	".incbin \"" ORLOP_CHILD_IMAGE "\"\n"
	".globl child_image_end\n"
	".hidden child_image_end\n"
	"child_image_end:\n"
	".previous\n");

int child_image_open(struct err *e)
{
	int fd = fd_memfd_sealed("orlop:[child]", child_image_begin,
				 (size_t)(child_image_end - child_image_begin), true);

	if (fd >= 0)
		return fd;
	if (errno == EACCES)
		return err_sys(e, "memfd for the child program"),
		       err_hint(e, "the sysctl vm.memfd_noexec is 2; orlop needs 0 or 1");
	return err_sys(e, "memfd for the child program");
}

bool child_image_is(int fd)
{
	size_t len = (size_t)(child_image_end - child_image_begin);
	char block[4096];
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < 0 || (size_t)st.st_size != len)
		return false;
	for (size_t at = 0; at < len;) {
		ssize_t n = pread(fd, block, sizeof(block), (off_t)at);

		if (n <= 0 || (size_t)n > len - at ||
		    memcmp(block, child_image_begin + at, (size_t)n) != 0)
			return false;
		at += (size_t)n;
	}
	return true;
}
