/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container does that does not want to be held: it makes itself impossible to freeze, or
 * sends where nobody should hear it. Needs no privilege, except `packet`, `xdp`, `xsend`, `xring`.
 *
 * Prints "ready" when what it does is under way, then goes on until it is killed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/vm_sockets.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(9);
}

static void die(const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "%s: %s\n", what, strerror(errno));
	say(text);
	_exit(1);
}

static void ready(void)
{
	say("ready\n");
}

static void stay(void)
{
	for (;;)
		pause();
}

/* ---- who cannot be frozen, or takes long ---- */

/* A filter that asks about getpgid alone; returns the listener. */
static int ask_about_getpgid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER |
			    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
}

/* One process asks and waits killably; another took the question and does not answer. */
static void verb_notify(char **argv)
{
	int listener = ask_about_getpgid();
	pid_t asker;

	(void)argv;
	if (listener < 0)
		die("seccomp");
	asker = fork();
	if (asker == 0) {
		syscall(SYS_getpgid, 0);
		stay();
	}
	for (int got = 0; !got;) {
		struct seccomp_notif question = { 0 };

		got = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) == 0;
		if (!got && errno != EINTR)
			die("receive");
	}
	ready();
	stay();
}

/* One descriptor from the unix socket at a path. */
static int received(const char *path)
{
	struct sockaddr_un from = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;
	struct iovec io = { &byte, 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	int got;

	snprintf(from.sun_path, sizeof(from.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		die("receive a descriptor");
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
	close(fd);
	return got;
}

/*
 * SOCKET FILE: serves the FUSE connection that it is given, badly: a child opens FILE there, and
 * the question is taken and not answered.
 */
static void verb_fuse(char **argv)
{
	static char question[1 << 17];
	int fuse = received(argv[0]);

	if (fork() == 0) {
		close(fuse);
		open(argv[1], O_RDONLY);
		stay();
	}
	if (read(fuse, question, sizeof(question)) < 0)
		die("read the question");
	ready();
	stay();
}

static void verb_vfork(char **argv)
{
	(void)argv;
	if (fork() == 0) {
		if (vfork() == 0)
			stay();
		stay();
	}
	usleep(100 * 1000);
	ready();
	stay();
}

static void verb_ptrace(char **argv)
{
	pid_t child = fork();
	int status;

	(void)argv;
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		stay();
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		die("trace");
	ready();
	stay();
}

/* N processes that make and bury children as fast as they can. */
static void verb_bomb(char **argv)
{
	int n = atoi(argv[0]);

	for (int i = 0; i < n; i++) {
		if (fork() != 0)
			continue;
		for (;;) {
			pid_t child = fork();

			if (child == 0)
				_exit(0);
			if (child > 0)
				waitpid(child, NULL, 0);
		}
	}
	ready();
	stay();
}

static void verb_idle(char **argv)
{
	for (int i = 1; i < atoi(argv[0]); i++)
		if (fork() == 0)
			stay();
	ready();
	stay();
}

/* ---- who sends ---- */

static int connected(char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 4 << 20;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	inet_pton(AF_INET, argv[0], &to.sin_addr);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	return fd;
}

static void fill(int fd)
{
	static char block[65536];
	long total = 0;
	ssize_t n;
	char text[64];

	memset(block, 'x', sizeof(block));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int quiet = 0; quiet < 20;) {
		n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
		if (n > 0) {
			total += n;
			quiet = 0;
		} else {
			quiet++;
			usleep(10 * 1000);
		}
	}
	snprintf(text, sizeof(text), "filled: %ld\n", total);
	say(text);
}

/* HOST PORT: a send buffer that the peer does not read. */
static void verb_fill(char **argv)
{
	fill(connected(argv));
	ready();
	stay();
}

/* SOCKET: the same with a connection that somebody outside made. */
static void verb_fillfd(char **argv)
{
	fill(received(argv[0]));
	ready();
	stay();
}

/* HOST PORT: answers each byte with a line, and sends one by itself ten times a second. */
static void verb_shell(char **argv)
{
	int fd = connected(argv);

	ready();
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char c;

		if (poll(&p, 1, 100) > 0 && recv(fd, &c, 1, 0) == 1)
			send(fd, "answer\n", 7, MSG_NOSIGNAL);
		else
			send(fd, "alive\n", 6, MSG_NOSIGNAL);
	}
}

/* HOST PORT: tries again and again, and says how it ended. */
static void verb_try(char **argv)
{
	ready();
	for (;;) {
		struct sockaddr_in to = { .sin_family = AF_INET,
			.sin_port = htons((uint16_t)atoi(argv[1])) };
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char text[64];

		inet_pton(AF_INET, argv[0], &to.sin_addr);
		if (fd < 0)
			snprintf(text, sizeof(text), "socket: %s\n", strerrorname_np(errno));
		else
			snprintf(text, sizeof(text), "connect: %s\n",
				 connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? "ok" :
				 strerrorname_np(errno));
		say(text);
		if (fd >= 0)
			close(fd);
		usleep(50 * 1000);
	}
}

/* INTERFACE: frames from a packet socket. */
static void verb_packet(char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_802_EX1),
		.sll_ifindex = (int)if_nametoindex(argv[0]), .sll_halen = 6,
		.sll_addr = { 255, 255, 255, 255, 255, 255 } };
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	if (fd < 0 || to.sll_ifindex == 0)
		die("packet");
	ready();
	for (;;) {
		sendto(fd, "leak", 4, 0, (struct sockaddr *)&to, sizeof(to));
		usleep(10 * 1000);
	}
}

/* PATH: a connection to a unix socket outside. */
static void verb_unix(char **argv)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", argv[0]);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	ready();
	for (;;) {
		send(fd, "u", 1, MSG_NOSIGNAL);
		usleep(20 * 1000);
	}
}

static void verb_vsock(char **argv)
{
	(void)argv;
	if (socket(AF_VSOCK, SOCK_STREAM, 0) < 0)
		die("vsock");
	ready();
	stay();
}

/* The family alone: what it would need to send is its driver's, and the finding is the same. */
static void verb_xdp(char **argv)
{
	(void)argv;
	if (socket(AF_XDP, SOCK_RAW, 0) < 0)
		die("xdp");
	ready();
	stay();
}

/* ---- a ring that goes on sending while its owner is frozen ---- */

struct ring {
	int fd;
	unsigned *sq_tail, *sq_mask, *sq_array;
	struct io_uring_sqe *sqes;
};

static struct ring ring_new(unsigned entries)
{
	struct io_uring_params p = { 0 };
	struct ring r = { .fd = (int)syscall(SYS_io_uring_setup, entries, &p) };
	char *sq;

	if (r.fd < 0)
		die("io_uring_setup");
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE,
		  MAP_SHARED, r.fd, IORING_OFF_SQ_RING);
	r.sqes = mmap(NULL, p.sq_entries * sizeof(*r.sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
		      r.fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || r.sqes == MAP_FAILED)
		die("map the ring");
	r.sq_tail = (unsigned *)(void *)(sq + p.sq_off.tail);
	r.sq_mask = (unsigned *)(void *)(sq + p.sq_off.ring_mask);
	r.sq_array = (unsigned *)(void *)(sq + p.sq_off.array);
	return r;
}

static void ring_put(struct ring *r, const struct io_uring_sqe *sqe)
{
	unsigned at = *r->sq_tail & *r->sq_mask;

	r->sqes[at] = *sqe;
	r->sq_array[at] = at;
	__atomic_store_n(r->sq_tail, *r->sq_tail + 1, __ATOMIC_RELEASE);
}

/* A chain of timeouts and sends, queued before anything happens: 20 times a second. */
static void ring_send(int fd, size_t len, unsigned flags)
{
	enum { LINKS = 1000 };
	static struct __kernel_timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	struct ring r = ring_new(2 * LINKS);

	for (int i = 0; i < LINKS; i++) {
		ring_put(&r, &(struct io_uring_sqe){
			.opcode = IORING_OP_TIMEOUT, .fd = -1, .addr = (uint64_t)(uintptr_t)&pause,
			.len = 1, .timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS,
			.flags = IOSQE_IO_LINK });
		ring_put(&r, &(struct io_uring_sqe){
			.opcode = IORING_OP_SEND, .fd = fd, .addr = (uint64_t)(uintptr_t)"r",
			.len = (uint32_t)len, .msg_flags = MSG_NOSIGNAL | flags,
			.flags = i + 1 < LINKS ? IOSQE_IO_LINK : 0 });
	}
	if (syscall(SYS_io_uring_enter, r.fd, 2 * LINKS, 0, 0, NULL, 0) < 0)
		die("io_uring_enter");
	ready();
	stay();
}

/* HOST PORT */
static void verb_ring(char **argv)
{
	ring_send(connected(argv), 1, 0);
}

static int connected_vsock(char **argv)
{
	struct sockaddr_vm to = { .svm_family = AF_VSOCK, .svm_cid = (unsigned)atoi(argv[0]),
		.svm_port = (unsigned)atoi(argv[1]) };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("vsock");
	return fd;
}

/* CID PORT: a byte every 10 ms. */
static void verb_vsend(char **argv)
{
	int fd = connected_vsock(argv);

	ready();
	for (;;) {
		send(fd, "v", 1, MSG_NOSIGNAL);
		usleep(10 * 1000);
	}
}

/* CID PORT: the same by a ring. */
static void verb_vring(char **argv)
{
	ring_send(connected_vsock(argv), 1, 0);
}

/* ---- frames by a queue of an interface ---- */

enum { QUEUE = 2048, CHUNK = 4096, XDP_LEVEL = 283 };

struct queue {
	int fd;
	uint32_t *producer;
	struct xdp_desc *descriptors;
};

/* One frame of 64 bytes in memory that is shared with the kernel; copied when it is sent. */
static void *queue_memory(int fd)
{
	static const unsigned char head[14] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1,
		0x88, 0xb6 };
	int entries = QUEUE;
	char *memory = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	struct xdp_umem_reg reg = { .addr = (uint64_t)(uintptr_t)memory, .len = CHUNK,
		.chunk_size = CHUNK };

	if (memory == MAP_FAILED ||
	    setsockopt(fd, XDP_LEVEL, XDP_UMEM_REG, &reg, sizeof(reg)) < 0 ||
	    setsockopt(fd, XDP_LEVEL, XDP_UMEM_FILL_RING, &entries, sizeof(entries)) < 0 ||
	    setsockopt(fd, XDP_LEVEL, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) < 0 ||
	    setsockopt(fd, XDP_LEVEL, XDP_TX_RING, &entries, sizeof(entries)) < 0)
		die("memory of the queue");
	memcpy(memory, head, sizeof(head));
	memcpy(memory + sizeof(head), "leak", 4);
	return memory;
}

static struct queue queue_new(const char *interface)
{
	struct queue q = { .fd = socket(AF_XDP, SOCK_RAW, 0) };
	struct sockaddr_xdp where = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex(interface) };
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);
	char *ring;

	if (q.fd < 0)
		die("xdp");
	queue_memory(q.fd);
	if (getsockopt(q.fd, XDP_LEVEL, XDP_MMAP_OFFSETS, &at, &len) < 0)
		die("offsets of the queue");
	ring = mmap(NULL, at.tx.desc + QUEUE * sizeof(struct xdp_desc), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, q.fd, XDP_PGOFF_TX_RING);
	if (ring == MAP_FAILED)
		die("map the queue");
	if (bind(q.fd, (struct sockaddr *)&where, sizeof(where)) < 0)
		die("bind to the queue");
	q.producer = (uint32_t *)(void *)(ring + at.tx.producer);
	q.descriptors = (struct xdp_desc *)(void *)(ring + at.tx.desc);
	return q;
}

static void queue_put(struct queue *q, uint32_t count)
{
	uint32_t from = *q->producer;

	for (uint32_t i = 0; i < count; i++)
		q->descriptors[(from + i) % QUEUE] = (struct xdp_desc){ .addr = 0, .len = 64 };
	__atomic_store_n(q->producer, from + count, __ATOMIC_RELEASE);
}

/* INTERFACE: as many frames as the ring of what was sent has room for, one every 10 ms. */
static void verb_xsend(char **argv)
{
	struct queue q = queue_new(argv[0]);

	ready();
	for (;;) {
		queue_put(&q, 1);
		sendto(q.fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		usleep(10 * 1000);
	}
}

/* INTERFACE: all of them queued at once, and a ring that has the kernel look at the queue. */
static void verb_xring(char **argv)
{
	struct queue q = queue_new(argv[0]);

	queue_put(&q, QUEUE);
	ring_send(q.fd, 0, MSG_DONTWAIT);
}

/* A counter in shared memory that grows while anybody executes: FILE. */
static void verb_count(char **argv)
{
	int fd = open(argv[0], O_RDWR | O_CREAT, 0666);
	volatile uint64_t *counter;

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		die("counter");
	counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counter == MAP_FAILED)
		die("map");
	ready();
	for (;;) {
		(*counter)++;
		usleep(1000);
	}
}

/* ---- code that is not in the image ---- */

/* Executes a copy of itself that has no name in any file system. */
static void verb_memfd(char **argv)
{
	static char name[] = "adversary", verb[] = "idle", number[] = "0";
	char *args[] = { name, verb, number, NULL };
	int self = open("/proc/self/exe", O_RDONLY), copy = memfd_create("nothing", MFD_CLOEXEC);

	(void)argv;
	if (self < 0 || copy < 0 || sendfile(copy, self, NULL, 1 << 30) <= 0)
		die("copy");
	fexecve(copy, args, environ);
	die("fexecve");
}

/* Maps a file to execute it, as a library is: FILE. */
static void verb_map(char **argv)
{
	int fd = open(argv[0], O_RDONLY);

	if (fd < 0 || mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		die("map");
	close(fd);
	ready();
	stay();
}

/* Has memory to execute that no file is behind, as compilers at run time have. */
static void verb_jit(char **argv)
{
	(void)argv;
	if (mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED)
		die("map");
	ready();
	stay();
}

/*
 * As compilers have it that map what they make twice, once to write and once to execute; shared by
 * processes; and of large pages, which need not be there as long as nobody touches them.
 */
static void verb_jits(char **argv)
{
	int made = memfd_create("vmem", MFD_CLOEXEC);

	(void)argv;
	if (made < 0 || ftruncate(made, 8192) < 0 || pwrite(made, "\xc3", 1, 4096) != 1 ||
	    mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, made, 0) == MAP_FAILED ||
	    mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED)
		die("map");
	if (mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0) == MAP_FAILED &&
	    errno != EINVAL && errno != ENOSYS)	/* of a kernel without them */
		die("map large pages");
	ready();
	stay();
}

/* Has a library in a file in memory: what a loader is given that shall leave nothing behind. */
static void verb_maplib(char **argv)
{
	int self = open("/proc/self/exe", O_RDONLY), copy = memfd_create("lib", MFD_CLOEXEC);

	(void)argv;
	if (self < 0 || copy < 0 || sendfile(copy, self, NULL, 1 << 30) <= 0 ||
	    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, copy, 4096) == MAP_FAILED)
		die("map");
	ready();
	stay();
}

static void *stay_in_thread(void *argument)
{
	(void)argument;
	while (syscall(SYS_tgkill, getpid(), getpid(), 0) == 0 && usleep(1000) == 0) {
		char path[64], text[256] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
			break;
		close(fd);
		if (strstr(text, ") Z "))
			break;
	}
	ready();
	stay();
	return NULL;
}

/* The first thread ends, so that /proc/PID shows no program any more; another goes on. */
static void verb_headless(char **argv)
{
	pthread_t thread;

	(void)argv;
	if (pthread_create(&thread, NULL, stay_in_thread, NULL) != 0)
		die("thread");
	syscall(SYS_exit, 0);
}

/* A socket that listens, or of UDP one that is bound. */
static int listening(const char *protocol, const char *address, const char *port)
{
	int type = strcmp(protocol, "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, on = 1;
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = four.sin_port };
	bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	const struct sockaddr *to = is_four ? (void *)&four : (void *)&six;
	socklen_t len = is_four ? sizeof(four) : sizeof(six);
	int fd = socket(to->sa_family, type, 0);

	if (!is_four)
		inet_pton(AF_INET6, address, &six.sin6_addr);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, to, len) < 0 || (type == SOCK_STREAM && listen(fd, 1) < 0))
		die("listen");
	return fd;
}

/* Listens: PROTOCOL ADDRESS PORT. */
static void verb_listen(char **argv)
{
	listening(argv[0], argv[1], argv[2]);
	ready();
	stay();
}

/* Listens together with a child, and becomes another program that keeps the socket: FILE. */
static void verb_hand(char **argv)
{
	listening("tcp", "0.0.0.0", "4444");
	if (fork() == 0)
		stay();
	execl(argv[0], argv[0], "idle", "0", NULL);
	die("exec");
}

static const struct verb {
	const char *name;
	int arguments;
	void (*run)(char **argv);
} verbs[] = {
	{ "notify", 0, verb_notify }, { "fuse", 2, verb_fuse }, { "vfork", 0, verb_vfork },
	{ "ptrace", 0, verb_ptrace }, { "bomb", 1, verb_bomb }, { "idle", 1, verb_idle },
	{ "fill", 2, verb_fill }, { "fillfd", 1, verb_fillfd }, { "shell", 2, verb_shell },
	{ "try", 2, verb_try }, { "packet", 1, verb_packet }, { "unix", 1, verb_unix },
	{ "vsock", 0, verb_vsock }, { "xdp", 0, verb_xdp }, { "ring", 2, verb_ring },
	{ "vsend", 2, verb_vsend }, { "vring", 2, verb_vring }, { "xsend", 1, verb_xsend },
	{ "xring", 1, verb_xring }, { "count", 1, verb_count },
	{ "memfd", 0, verb_memfd }, { "map", 1, verb_map }, { "jit", 0, verb_jit },
	{ "jits", 0, verb_jits }, { "maplib", 0, verb_maplib },
	{ "headless", 0, verb_headless }, { "listen", 3, verb_listen }, { "hand", 1, verb_hand },
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 == verbs[i].arguments)
			verbs[i].run(argv + 2);
	say("adversary: no such verb\n");
	return 2;
}
