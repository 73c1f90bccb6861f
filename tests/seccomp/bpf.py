# SPDX-License-Identifier: Apache-2.0
"""An interpreter of seccomp's BPF: what the kernel would answer, without the kernel.

Only what seccomp admits is understood (linux/bpf_common.h, seccomp_check_filter); anything else
is an error, as it is to the kernel.
"""

import struct

DATA_SIZE = 64  # struct seccomp_data: nr, arch, instruction pointer, six arguments
MAX_LEN = 4096

LD_W_ABS, LD_W_LEN, LDX_W_LEN, LD_IMM, LDX_IMM = 0x20, 0x80, 0x81, 0x00, 0x01
LD_MEM, LDX_MEM, ST, STX, RET_K, RET_A, TAX, TXA, NEG, JA = (
    0x60, 0x61, 0x02, 0x03, 0x06, 0x16, 0x07, 0x87, 0x84, 0x05)

ALU = {0x00: lambda a, b: a + b, 0x10: lambda a, b: a - b, 0x20: lambda a, b: a * b,
       0x30: lambda a, b: a // b if b else None, 0x40: lambda a, b: a | b,
       0x50: lambda a, b: a & b, 0x60: lambda a, b: a << (b & 31) if b < 32 else 0,
       0x70: lambda a, b: a >> b if b < 32 else 0, 0xa0: lambda a, b: a ^ b}
JUMP = {0x10: lambda a, b: a == b, 0x20: lambda a, b: a > b, 0x30: lambda a, b: a >= b,
        0x40: lambda a, b: a & b != 0}


class BpfError(Exception):
    """A program that the kernel would not load."""


class Program:
    """A loaded filter; run() answers for one system call."""

    def __init__(self, raw):
        """Take raw struct sock_filter; refuse what the kernel refuses."""
        if not raw or len(raw) % 8 or len(raw) // 8 > MAX_LEN:
            raise BpfError(f"{len(raw)} bytes is no filter of 1 to {MAX_LEN} instructions")
        self.code = [struct.unpack_from("=HBBI", raw, i) for i in range(0, len(raw), 8)]
        for at, ins in enumerate(self.code):
            self._check(at, *ins)
        if self.code[-1][0] not in (RET_K, RET_A):
            raise BpfError("the last instruction is no return")

    def _check(self, at, code, jt, jf, k):
        end = len(self.code)
        if code & 0x07 == 0x05:
            far = at + 1 + k if code == JA else at + 1 + max(jt, jf)
            if far >= end or (code != JA and code & 0xf0 not in JUMP):
                raise BpfError(f"instruction {at}: a jump to {far} of {end}")
        elif code & 0x07 == 0x04:
            if code != NEG and code & 0xf0 not in ALU or code == 0x34 and k == 0:
                raise BpfError(f"instruction {at}: arithmetic {code:#x}")
        elif code == LD_W_ABS:
            if k >= DATA_SIZE or k & 3:
                raise BpfError(f"instruction {at}: a load at {k}")
        elif code in (ST, STX, LD_MEM, LDX_MEM):
            if k >= 16:
                raise BpfError(f"instruction {at}: memory word {k}")
        elif code not in (LD_W_LEN, LDX_W_LEN, LD_IMM, LDX_IMM, RET_K, RET_A, TAX, TXA):
            raise BpfError(f"instruction {at}: code {code:#x}")

    def run(self, arch, nr, args):
        """The 32-bit answer (SECCOMP_RET_*); `arch` is AUDIT_ARCH_*."""
        data = struct.unpack("=16I", struct.pack("=IIQ6Q", nr & 0xffffffff, arch, 0, *args))
        code, at, a, x, memory = self.code, 0, 0, 0, [0] * 16
        while True:
            op, jt, jf, k = code[at]
            at += 1
            if op == LD_W_ABS:
                a = data[k >> 2]
            elif op == RET_K:
                return k
            elif op & 0x07 == 0x05:
                if op == JA:
                    at += k
                else:
                    at += jt if JUMP[op & 0xf0](a, x if op & 0x08 else k) else jf
            elif op & 0x07 == 0x04:
                if op == NEG:
                    a = -a & 0xffffffff
                    continue
                value = ALU[op & 0xf0](a, x if op & 0x08 else k)
                if value is None:
                    return 0  # division by zero ends the program with 0
                a = value & 0xffffffff
            elif op == RET_A:
                return a
            elif op == TAX:
                x = a
            elif op == TXA:
                a = x
            elif op in (LD_IMM, LDX_IMM):
                a, x = (k, x) if op == LD_IMM else (a, k)
            elif op in (LD_W_LEN, LDX_W_LEN):
                a, x = (DATA_SIZE, x) if op == LD_W_LEN else (a, DATA_SIZE)
            elif op in (LD_MEM, LDX_MEM):
                a, x = (memory[k], x) if op == LD_MEM else (a, memory[k])
            else:
                memory[k] = a if op == ST else x
