/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of evidence that only compute: manifest and tree, archive headers, core notes, and
 * text on a page.
 */
#include <elf.h>
#include <string.h>
#include <sys/procfs.h>

#include "check.h"
#include "guard/core.h"
#include "guard/html.h"
#include "guard/manifest.h"
#include "guard/tar.h"
#include "orlop/auto.h"

#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct manifest_row row(const char *path)
{
	return (struct manifest_row){
		.path = path, .mode = 0600, .sha256 = DIGEST, .began = 1, .ended = 2,
		.consistency = "frozen", .source = "/proc/1/x",
	};
}

/* What is written can be read, and every field counts for the root. */
static void test_manifest(void)
{
	static const char *const paths[] = { "a", "b/c", "d", "e", "f" };
	auto_arena a = ARENA_NONE;
	struct manifest m = { .id = "web", .tool = "orlop" }, again;
	char first[SHA256_HEX_SIZE], root[SHA256_HEX_SIZE];
	const char *text;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct manifest_row r = row(paths[i]);

		manifest_root(&m, &a, first);
		manifest_add(&m, &a, &r);
		manifest_root(&m, &a, root);
		CHECK(strcmp(first, root) != 0, "row %zu does not count", i);
	}
	m.rows.items[1].error = "odd \"name\"";
	text = manifest_text(&m, &a);
	CHECK(manifest_read(text, strlen(text), &a, &again, &e) == 0, "%s", e.text);
	CHECK_STR(manifest_text(&again, &a), text);
	manifest_root(&again, &a, root);
	CHECK_STR(root, again.root);
	CHECK(manifest_find(&again, "b/c") && !manifest_find(&again, "b"));
	again.rows.items[2].consistency = "live";
	manifest_root(&again, &a, first);
	CHECK(strcmp(first, root) != 0);
	again.rows.items[2].consistency = "frozen";
	again.rows.items[4].missing = 1;
	manifest_root(&again, &a, first);
	CHECK(strcmp(first, root) != 0);
}

static void test_manifest_paths(void)
{
	static const char *const bad[] = { "../x", "/etc/passwd", "a/../../b", "a//b", "./a", "a/.." };
	auto_arena a = ARENA_NONE;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct manifest m = { .id = "web", .tool = "orlop" }, again;
		struct manifest_row r = row(bad[i]);
		const char *text;

		manifest_add(&m, &a, &r);
		text = manifest_text(&m, &a);
		CHECK(manifest_read(text, strlen(text), &a, &again, &e) < 0, "%s", bad[i]);
	}
}

static void test_tar(void)
{
	auto_arena a = ARENA_NONE;
	struct text t = TEXT_IN(&a), records = TEXT_IN(&a), longer = TEXT_IN(&a);
	char name[300];

	tar_head(&t, &(struct tar_member){ .path = "etc/old", .type = '3', .mode = 0 });
	CHECK(t.len == TAR_BLOCK && tar_is_header((unsigned char *)t.bytes));
	CHECK_STR(t.bytes, "etc/old");
	CHECK(t.bytes[156] == '3');
	t.bytes[10] ^= 1;
	CHECK(!tar_is_header((unsigned char *)t.bytes), "a changed header passes");

	/* The length counts itself. */
	tar_record(&records, "path", "x", 1);
	CHECK_STR(records.bytes, "9 path=x\n");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	tar_head(&longer, &(struct tar_member){ .path = name, .type = '0',
						 .size = UINT64_C(9) << 30 });
	CHECK(longer.len == 3 * TAR_BLOCK && longer.bytes[156] == 'x');
	CHECK(strstr(longer.bytes + TAR_BLOCK, "309 path=nnn") != NULL);
	CHECK(tar_size((unsigned char *)longer.bytes + 2 * TAR_BLOCK) != UINT64_C(9) << 30);
	CHECK(memmem(longer.bytes, longer.len, " size=9663676416\n", 17) != NULL);
	CHECK(tar_pad(0) == 0 && tar_pad(1) == 511 && tar_pad(512) == 0);
}

/* The notes in their order, and the segments where the headers say. */
static void test_core(void)
{
	static const unsigned kinds[] = { NT_PRPSINFO, NT_PRSTATUS, NT_FPREGSET, NT_AUXV, NT_FILE,
		NT_PRSTATUS };
	auto_arena a = ARENA_NONE;
	struct text notes = TEXT_IN(&a), head = TEXT_IN(&a);
	uint64_t registers[2] = { 0x1122334455667788, 7 };
	struct core_thread threads[2] = {
		{ .tid = 10, .general = { registers, sizeof(registers) },
		  .floating = { registers, 5 } },
		{ .tid = 11 },
	};
	struct core_map maps[2] = { { 0x1000, 0x2000, 0x3000, PF_R, "/bin/x" },
		{ 0x5000, 0x6000, 0, PF_R | PF_W, NULL } };
	struct core_load loads[2] = { { 0x1000, 0x2000, PF_R, false },
		{ 0x5000, 0x9000, PF_R | PF_W, true } };
	struct core_process p = {
		.pid = 10, .ppid = 1, .state = 'S', .comm = "sixteen-bytes-and-more",
		.arguments = "x y", .threads = threads, .thread_count = 2, .maps = maps,
		.map_count = 2, .auxv = { registers, 16 },
	};
	struct elf_prstatus status;
	Elf64_Ehdr e;
	Elf64_Phdr ph[3];
	size_t at = 0;

	core_notes(&notes, &p);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		Elf64_Nhdr n;

		memcpy(&n, notes.bytes + at, sizeof(n));
		CHECK(n.n_type == kinds[i], "note %zu is %u", i, n.n_type);
		at += sizeof(n) + ((n.n_namesz + 3) & ~3u);
		if (i == 1) {
			memcpy(&status, notes.bytes + at, sizeof(status));
			CHECK(status.pr_pid == 10 && status.pr_fpvalid == 1);
			CHECK(memcmp(&status.pr_reg, registers, sizeof(registers)) == 0);
		}
		at += (n.n_descsz + 3) & ~3u;
	}
	CHECK(at == notes.len, "%zu of %zu bytes", at, notes.len);
	core_head(&head, loads, 2, &notes, EM_X86_64, 4096);
	memcpy(&e, head.bytes, sizeof(e));
	memcpy(ph, head.bytes + e.e_phoff, sizeof(ph));
	CHECK(e.e_type == ET_CORE && e.e_phnum == 3 && head.len % 4096 == 0);
	CHECK(ph[0].p_type == PT_NOTE && ph[0].p_filesz == notes.len);
	CHECK(memcmp(head.bytes + ph[0].p_offset, notes.bytes, notes.len) == 0);
	CHECK(ph[1].p_offset == head.len && ph[1].p_filesz == 0x1000 && ph[1].p_vaddr == 0x1000);
	CHECK(ph[2].p_filesz == 0 && ph[2].p_memsz == 0x4000);
	CHECK(core_memory_size(loads, 2) == 0x1000);
}

/* More segments than a header can count. */
static void test_core_many(void)
{
	enum { MANY = 70000 };
	auto_arena a = ARENA_NONE;
	struct text notes = TEXT_IN(&a), head = TEXT_IN(&a);
	struct core_load *loads = arena_new_array(&a, struct core_load, MANY);
	Elf64_Ehdr e;
	Elf64_Shdr s;

	text_puts(&notes, "note");
	for (uint64_t i = 0; i < MANY; i++)
		loads[i] = (struct core_load){ i * 8192, i * 8192 + 4096, PF_R, false };
	core_head(&head, loads, MANY, &notes, EM_X86_64, 4096);
	memcpy(&e, head.bytes, sizeof(e));
	CHECK(e.e_phnum == PN_XNUM && e.e_shnum == 1);
	memcpy(&s, head.bytes + e.e_shoff, sizeof(s));
	CHECK(s.sh_info == MANY + 1);
}

static void test_html(void)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;" },
		{ "\x1b[31m", "[x1b][31m" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xff\xc3", "[xff][xc3]" },
		{ "\xe2\x80\xae" "fdp.exe", "[U+202E]fdp.exe" },
		{ "\xc0\xbcscript", "[xc0][xbc]script" },
		{ "\xed\xa0\x80", "[xed][xa0][x80]" },
		{ "0123456789ab", "0123456789..." },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_arena a = ARENA_NONE;
		struct text t = TEXT_IN(&a);

		html_text(&t, rows[i].from, 10);
		CHECK_STR(text_get(&t), rows[i].to);
	}
}

int main(void)
{
	test_manifest();
	test_manifest_paths();
	test_tar();
	test_core();
	test_core_many();
	test_html();
	return check_result();
}
