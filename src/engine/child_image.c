/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The assembler includes the program that the build made from src/child.
 */
#include "engine/child_image.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "orlop/auto.h"
#include "orlop/child_plan.h"
#include "src/child_image_path.h"

enum { PAGE = 4096 };	/* the child is linked for pages of this size */

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

static const char padding[PAGE];

static size_t image_len(void)
{
	return (size_t)(child_image_end - child_image_begin);
}

static size_t plan_offset(void)
{
	return (image_len() + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/*
 * The first page of the program, which holds the headers alone: the linker begins the code on the
 * next. One more header goes behind those that are there, for the plan, readable and no more.
 */
static void write_head(char head[PAGE], size_t plan_len)
{
	const Elf64_Phdr segment = {
		.p_type = PT_LOAD, .p_flags = PF_R, .p_align = PAGE, .p_offset = plan_offset(),
		.p_vaddr = CHILD_PLAN_ADDRESS, .p_paddr = CHILD_PLAN_ADDRESS,
		.p_filesz = plan_len, .p_memsz = plan_len,
	};
	Elf64_Ehdr elf;
	size_t end;

	BUG_ON(image_len() < PAGE);
	memcpy(head, child_image_begin, PAGE);
	memcpy(&elf, head, sizeof(elf));
	end = elf.e_phoff + (size_t)elf.e_phnum * sizeof(segment);
	BUG_ON(elf.e_phentsize != sizeof(segment) || end + sizeof(segment) > PAGE);
	memcpy(head + end, &segment, sizeof(segment));
	elf.e_phnum++;
	memcpy(head, &elf, sizeof(elf));
}

int child_image_open(const void *plan, size_t plan_len, struct err *e)
{
	char head[PAGE];
	const struct iovec parts[] = {
		{ head, PAGE },
		{ (void *)(uintptr_t)(child_image_begin + PAGE), image_len() - PAGE },
		{ (void *)(uintptr_t)padding, plan_offset() - image_len() },
		{ (void *)(uintptr_t)plan, plan_len },
	};
	int fd;

	write_head(head, plan_len);
	fd = fd_memfd_sealed(CHILD_NAME, parts, ARRAY_LEN(parts));
	if (fd >= 0)
		return fd;
	if (errno == EACCES)
		return err_sys(e, "memfd for the child program"),
		       err_hint(e, "the sysctl vm.memfd_noexec is 2; orlop needs 0 or 1");
	return err_sys(e, "memfd for the child program");
}

bool child_image_is(int fd)
{
	char head[PAGE], block[PAGE];
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size <= (off_t)plan_offset())
		return false;
	write_head(head, (size_t)st.st_size - plan_offset());
	for (size_t at = 0; at < image_len();) {
		size_t want = image_len() - at < PAGE ? image_len() - at : PAGE;
		ssize_t n = pread(fd, block, want, (off_t)at);

		if (n != (ssize_t)want ||
		    memcmp(block, at == 0 ? head : child_image_begin + at, want) != 0)
			return false;
		at += want;
	}
	return true;
}
