/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF core headers and notes. PURE.
 */
#include "guard/core.h"

#include <elf.h>
#include <string.h>
#include <sys/procfs.h>

static const char zeros[64];

static void add_padded(struct text *t, const void *bytes, size_t len)
{
	if (len)
		text_add(t, bytes, len);
	text_add(t, zeros, -len & 3);
}

static void add_note(struct text *t, const char *owner, unsigned type, const void *bytes,
		     size_t len)
{
	Elf64_Nhdr head = { (unsigned)strlen(owner) + 1, (unsigned)len, type };

	text_add(t, (const char *)&head, sizeof(head));
	add_padded(t, owner, head.n_namesz);
	add_padded(t, bytes, len);
}

static void add_process(struct text *t, const struct core_process *p)
{
	static const char states[] = "RSDTZW";
	const char *state = strchr(states, p->state);
	struct elf_prpsinfo info = {
		.pr_state = state && *state ? (char)(state - states) : 0,
		.pr_sname = p->state,
		.pr_zomb = p->state == 'Z',
		.pr_uid = (typeof(info.pr_uid))p->uid,
		.pr_gid = (typeof(info.pr_gid))p->gid,
		.pr_pid = p->pid,
		.pr_ppid = p->ppid,
	};

	memcpy(info.pr_fname, p->comm, strnlen(p->comm, sizeof(info.pr_fname) - 1));
	memcpy(info.pr_psargs, p->arguments, strnlen(p->arguments, sizeof(info.pr_psargs) - 1));
	add_note(t, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

static void add_thread(struct text *t, const struct core_process *p,
		       const struct core_thread *thread)
{
	struct elf_prstatus status = { .pr_pid = thread->tid, .pr_ppid = p->ppid };
	size_t len = thread->general.len;

	if (len > sizeof(status.pr_reg))
		len = sizeof(status.pr_reg);
	if (len)
		memcpy(&status.pr_reg, thread->general.bytes, len);
	status.pr_fpvalid = thread->floating.len > 0;
	add_note(t, "CORE", NT_PRSTATUS, &status, sizeof(status));
	if (thread->floating.len)
		add_note(t, "CORE", NT_FPREGSET, thread->floating.bytes, thread->floating.len);
	if (thread->extended.len)
		add_note(t, "LINUX", NT_X86_XSTATE, thread->extended.bytes, thread->extended.len);
}

static void add_word(struct text *t, uint64_t word)
{
	text_add(t, (const char *)&word, sizeof(word));
}

static void add_files(struct text *t, const struct core_process *p)
{
	enum { PAGE = 4096 };
	struct text body = TEXT_IN(t->arena);
	uint64_t count = 0;

	for (size_t i = 0; i < p->map_count; i++)
		count += p->maps[i].name ? 1 : 0;
	add_word(&body, count);
	add_word(&body, PAGE);
	for (size_t i = 0; i < p->map_count; i++) {
		if (!p->maps[i].name)
			continue;
		add_word(&body, p->maps[i].start);
		add_word(&body, p->maps[i].end);
		add_word(&body, p->maps[i].offset / PAGE);
	}
	for (size_t i = 0; i < p->map_count; i++)
		if (p->maps[i].name)
			text_add(&body, p->maps[i].name, strlen(p->maps[i].name) + 1);
	add_note(t, "CORE", NT_FILE, body.bytes, body.len);
}

void core_notes(struct text *t, const struct core_process *p)
{
	add_process(t, p);
	for (size_t i = 0; i < p->thread_count; i++) {
		add_thread(t, p, &p->threads[i]);
		if (i > 0)
			continue;
		if (p->auxv.len)
			add_note(t, "CORE", NT_AUXV, p->auxv.bytes, p->auxv.len);
		add_files(t, p);
	}
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

void core_head(struct text *t, const struct core_load *loads, size_t count,
	       const struct text *notes, unsigned machine, size_t page)
{
	bool many = count + 1 >= PN_XNUM;
	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT, ELFOSABI_NONE },
		.e_type = ET_CORE, .e_machine = (Elf64_Half)machine, .e_version = EV_CURRENT,
		.e_phoff = sizeof(head), .e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = many ? PN_XNUM : (Elf64_Half)(count + 1),
	};
	Elf64_Shdr section = { .sh_info = (Elf64_Word)(count + 1), .sh_size = 1 };
	uint64_t notes_at = sizeof(head) + (count + 1) * sizeof(Elf64_Phdr);
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_align = 4, .p_filesz = notes->len };
	size_t start = t->len;
	uint64_t at;

	if (many) {
		head.e_shoff = notes_at;
		head.e_shentsize = sizeof(section);
		head.e_shnum = 1;
		notes_at += sizeof(section);
	}
	note.p_offset = notes_at;
	at = round_up(notes_at + notes->len, page);
	text_add(t, (const char *)&head, sizeof(head));
	text_add(t, (const char *)&note, sizeof(note));
	for (size_t i = 0; i < count; i++) {
		uint64_t size = loads[i].end - loads[i].start;
		Elf64_Phdr load = {
			.p_type = PT_LOAD, .p_flags = loads[i].flags, .p_offset = at,
			.p_vaddr = loads[i].start, .p_filesz = loads[i].zero ? 0 : size,
			.p_memsz = size, .p_align = page,
		};

		text_add(t, (const char *)&load, sizeof(load));
		at += load.p_filesz;
	}
	if (many)
		text_add(t, (const char *)&section, sizeof(section));
	text_add(t, notes->bytes, notes->len);
	while ((t->len - start) % page) {
		size_t left = page - (t->len - start) % page;

		text_add(t, zeros, left < sizeof(zeros) ? left : sizeof(zeros));
	}
}

uint64_t core_memory_size(const struct core_load *loads, size_t count)
{
	uint64_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += loads[i].zero ? 0 : loads[i].end - loads[i].start;
	return size;
}
