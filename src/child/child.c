/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHILD SIDE. The program that becomes the container's process: it carries out the steps of
 * orlop/child_plan.h in their order and executes the container's program.
 *
 * It is executed from a sealed memfd right after clone3, so nothing of the runtime's memory is in
 * it and /proc/PID/exe is a private, throw-away copy (CVE-2019-5736). The plan is a segment of that
 * copy; the one argument is its length.
 */
#include "child/child.h"

#include <linux/auxvec.h>
#include <linux/prctl.h>
#include <linux/time_types.h>

#include "child/bytes.h"

static const struct {
	const char *name;
	int (*run)(struct child *c);
	unsigned kinds;
} steps[] = {
#define X(word, name, function, kinds) { name, function, CHILD_IN_##kinds },
	CHILD_STEPS(X)
#undef X
};

enum { SEND_TRIES = 1000 };

static struct child the_child;		/* zeroed: large buffers would burden the stack */

void child_detail(struct child *c, const char *text)
{
	size_t len = strlen(text);

	if (len >= sizeof(c->detail))
		len = sizeof(c->detail) - 1;
	memcpy(c->detail, text, len);
	c->detail[len] = '\0';
}

unsigned child_first_temporary(const struct child *c)
{
	int highest = c->control;

	if (c->plan->listener > highest)
		highest = c->plan->listener;
	if (c->place > highest)
		highest = c->place;
	if (c->root > highest)
		highest = c->root;
	return (unsigned)highest + 1 + c->late_mounts;
}

void child_hold_nothing(struct child *c)
{
	c->tmpfs = c->proc = c->sys = HELD_NONE;
}

const char *child_held_name(const struct held *held, const char *path)
{
	size_t len = strlen(held->target);
	const char *name;

	if (held->fd < 0 || !bytes_begin(path, held->target) || path[len] != '/')
		return NULL;
	name = path + len + 1;
	if (!*name || bytes_find(name, '/') || bytes_equal(name, ".") || bytes_equal(name, ".."))
		return NULL;
	return name;
}

void child_close_temporary(struct child *c)
{
	child_hold_nothing(c);
	sys_close_from(child_first_temporary(c));
}

static int send_message(int socket, const struct child_message *m, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { (void *)(uintptr_t)m, sizeof(*m) };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };
	unsigned tries = 0;
	long n;

	if (fd >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		h.msg_control = &control;
		h.msg_controllen = sizeof(control.room);
	}
	/* Nobody interrupts us that often: it is a filter's answer then. */
	do
		n = SYS(sendmsg, socket, &h, MSG_NOSIGNAL);
	while (n == -EINTR && ++tries < SEND_TRIES);
	return n < 0 ? (int)n : 0;
}

int child_send(struct child *c, uint32_t word, int step, int fd)
{
	struct child_message m = { .word = word, .step = (uint32_t)step, .item = c->item,
				   .value = c->value };

	memcpy(m.detail, c->detail, sizeof(m.detail));
	return send_message(c->control, &m, fd);
}

int child_receive(struct child *c, int *fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct child_message m;
	struct iovec part = { &m, sizeof(m) };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1,
			    .msg_control = &control, .msg_controllen = sizeof(control.room) };
	struct cmsghdr *head;
	long n;

	do
		n = SYS(recvmsg, c->control, &h, MSG_CMSG_CLOEXEC);
	while (n == -EINTR);
	if (n == 0 || n == -ECONNRESET)
		return -CHILD_E_PARENT_GONE;
	if (n < 0)
		return (int)n;
	head = CMSG_FIRSTHDR(&h);
	if (fd)
		*fd = -1;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS && fd)
		memcpy(fd, CMSG_DATA(head), sizeof(*fd));
	/* There is room for as many descriptors as are ever sent: our table has none. */
	if (h.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	if (n != sizeof(m))
		return -CHILD_E_PROTOCOL;
	if (m.error) {
		memcpy(c->detail, m.detail, sizeof(c->detail));
		return m.error > 0 ? -m.error : -CHILD_E_PROTOCOL;
	}
	return (int)m.word;
}

_Noreturn void child_fail(struct child *c, int step, int error)
{
	struct child_message m = { .word = CHILD_FAILED, .step = (uint32_t)step,
				   .item = c->item, .error = -error, .value = c->value };

	memcpy(m.detail, c->detail, sizeof(m.detail));
	if (send_message(c->control, &m, -1) < 0)	/* the filter may forbid that */
		SYS(write, c->control, &m, sizeof(m));
	sys_exit(1);
}

static void trace(struct child *c, int step)
{
	struct __kernel_timespec now = { 0 };

	SYS(clock_gettime, 1 /* CLOCK_MONOTONIC */, &now);
	c->item = -1;
	c->value = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	child_send(c, CHILD_TRACE, step, -1);
	c->value = 0;
}

_Noreturn static void run_steps(struct child *c)
{
	unsigned kind = child_flag(c, CHILD_EXEC) ? CHILD_IN_EXEC : CHILD_IN_CREATE;

	for (int n = 0; n < CHILD_STEP_COUNT_; n++) {
		int error;

		if (!(steps[n].kinds & kind))
			continue;
		c->item = -1;
		c->detail[0] = '\0';
		error = steps[n].run(c);
		if (error < 0)
			child_fail(c, n, error);
		/* After the filter no call is made that a profile need not allow. */
		if (child_flag(c, CHILD_TRACE_WANTED) && n < CHILD_STEP_SECCOMP)
			trace(c, n);
	}
	sys_exit(1);
}

/* The id that exec found to be both real and effective, and made the saved one; or UINT32_MAX. */
static uint32_t born_id(const long *auxv, long real, long effective)
{
	uint32_t one = UINT32_MAX, other = UINT32_MAX;

	for (; auxv[0] != AT_NULL; auxv += 2) {
		if (auxv[0] == real)
			one = (uint32_t)auxv[1];
		if (auxv[0] == effective)
			other = (uint32_t)auxv[1];
	}
	return one == other ? one : UINT32_MAX;
}

/* Called by the entry point with the stack that the kernel left: argc, argv, environment, auxv. */
_Noreturn void child_main(const long *stack);
__attribute__((used)) _Noreturn void child_main(const long *stack)
{
	struct child *c = &the_child;
	long argc = stack[0];
	const char *const *argv = (const char *const *)(stack + 1);
	long len;

	/* Executed by anybody else, or from /proc/PID/exe inside the container: nothing to do. */
	if (argc != 2 || (len = bytes_number(argv[1])) < (long)sizeof(*c->plan))
		sys_exit(64);
	c->base = (const char *)CHILD_PLAN_ADDRESS;
	c->plan = (const struct child_plan *)c->base;
	if (c->plan->magic != CHILD_PLAN_MAGIC || c->plan->size != (uint32_t)len)
		sys_exit(64);
	c->control = c->plan->control;
	c->root = c->place = -1;
	child_hold_nothing(c);
	stack += 1 + argc + 1;
	while (*stack++)
		;
	c->uid = born_id(stack, AT_UID, AT_EUID);
	c->gid = born_id(stack, AT_GID, AT_EGID);
	run_steps(c);
}

#if defined(__x86_64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call child_main\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x0, sp\n"
	"	bl child_main\n");
#endif
