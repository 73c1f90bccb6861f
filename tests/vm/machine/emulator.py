# SPDX-License-Identifier: Apache-2.0
"""The QEMU command line that both machines have in common."""
import os
import pathlib

# No mitigations: there is nobody to be protected from in here, and under emulation they cost much.
# The clock is right by construction, but the kernel would take long to convince itself of that.
APPEND = ("console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check "
          "random.trust_cpu=on")


def command(qemu: pathlib.Path, kernel: pathlib.Path, initrd: str, append: str, memory: str,
            mib: int, cpus: int) -> list[str]:
    """`memory` is the backend: where the machine's memory is, and who shares it."""
    return [
        str(qemu / "bin/qemu-system-x86_64"), "-nodefaults", "-no-user-config", "-no-reboot",
        "-display", "none", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max",
        "-machine", "pc,memory-backend=memory", "-smp", str(cpus), "-m", f"{mib}M",
        "-object", f"{memory},id=memory,size={mib}M",
        "-kernel", str(kernel / "vmlinux"), "-initrd", initrd,
        "-append", f"{APPEND} {append}".strip(),
        "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
    ]


def disk(number: int, path: str, form: str, *more: str) -> list[str]:
    """A disk that does not have to survive anything: /dev/vda for number 0 and so on."""
    drive = [f"file={path.replace(',', ',,')}", f"format={form}", "if=none", f"id=disk{number}",
             "cache=unsafe", "discard=unmap", *more]
    return ["-drive", ",".join(drive),
            "-device", f"virtio-blk-pci,drive=disk{number},serial=disk{number}"]


def environment(qemu: pathlib.Path) -> dict[str, str]:
    """An unpacked QEMU must not load the modules of the installed one."""
    modules = qemu / "module"
    return {**os.environ, "QEMU_MODULE_DIR": str(modules)} if modules.exists() else {**os.environ}
