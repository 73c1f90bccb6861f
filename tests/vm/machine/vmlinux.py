#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""vmlinux.py VMLINUZ VMLINUX - take the uncompressed kernel out of a bzImage.

The layout is that of Documentation/arch/x86/boot.rst: after the boot sector and the setup code
(setup_sects sectors of 512 bytes) comes the protected-mode code, and payload_offset and
payload_length say where in it the compressed kernel is.
"""
import pathlib
import struct
import subprocess
import sys

TOOLS = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zX": "xz", b"\x02\x21\x4c\x18": "lz4"}


def payload(image: bytes) -> bytes:
    if image[0x202:0x206] != b"HdrS":
        raise SystemExit("vmlinux.py: not a bzImage")
    setup_sects = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sects + 1) * 512 + offset
    return image[start:start + length]


def main() -> None:
    source, target = map(pathlib.Path, sys.argv[1:3])
    data = payload(source.read_bytes())
    tool = TOOLS.get(data[:4])
    if tool is None:
        raise SystemExit(f"vmlinux.py: {source}: compressed in an unknown way: {data[:4].hex()}")
    # The four bytes of length behind the payload make the tools complain, after all is out.
    done = subprocess.run([tool, "-dcq"], input=data, capture_output=True, check=False)
    if done.stdout[:4] != b"\x7fELF":
        raise SystemExit(f"vmlinux.py: {source}: {tool}: {done.stderr.decode().strip()}")
    target.write_bytes(done.stdout)


if __name__ == "__main__":
    main()
