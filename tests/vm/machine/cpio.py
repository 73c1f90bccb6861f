# SPDX-License-Identifier: Apache-2.0
"""Archives that the kernel unpacks as (a further part of) its initramfs: cpio in "newc" form."""
import posixpath
import stat


def archive(files: dict[str, bytes]) -> bytes:
    """An archive of executable regular files; the directories above them come with it."""
    members = {}
    for path, content in files.items():
        above = posixpath.dirname(path)
        while above:
            members[above] = (stat.S_IFDIR | 0o755, b"")
            above = posixpath.dirname(above)
        members[path] = (stat.S_IFREG | 0o755, content)
    parts = [_member(number, path, *members[path])
             for number, path in enumerate(sorted(members), start=1)]
    parts.append(_member(0, "TRAILER!!!", 0, b""))
    return b"".join(parts)


def _member(number: int, path: str, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    # ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
