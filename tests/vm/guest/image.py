#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""image.py ROOTFS ARCHIVE NAME COMMAND [ARG...] - a container image out of a directory.

The archive is in both forms that engines load: an OCI image layout (index.json) and what
`docker save` writes (manifest.json). One layer, not compressed, because unpacking is slow under
emulation; the same directory always gives the same image.
"""
import hashlib
import io
import json
import os
import sys
import tarfile

OCI = "application/vnd.oci.image."


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def layer_of(rootfs: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(os.listdir(rootfs)):
            tar.add(os.path.join(rootfs, name), name, filter=anonymous)
    return buffer.getvalue()


class Layout:
    """The files of the archive, and descriptors for those that are blobs."""

    def __init__(self):
        self.files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(self, kind: str, content: bytes) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = content
        return {"mediaType": OCI + kind, "digest": f"sha256:{digest}", "size": len(content)}

    def write(self, path: str) -> None:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, content in sorted(self.files.items()):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def main(rootfs: str, archive: str, name: str, *command: str) -> None:
    def text(value) -> bytes:
        return json.dumps(value, sort_keys=True).encode()

    def path(descriptor: dict) -> str:
        return "blobs/" + descriptor["digest"].replace(":", "/")

    layout = Layout()
    layer = layout.blob("layer.v1.tar", layer_of(rootfs))
    config = layout.blob("config.v1+json", text({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": command, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}))
    manifest = layout.blob("manifest.v1+json", text({
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
        "config": config, "layers": [layer]}))
    manifest["platform"] = {"architecture": "amd64", "os": "linux"}
    manifest["annotations"] = {"io.containerd.image.name": name,
                               "org.opencontainers.image.ref.name": name}
    layout.files["index.json"] = text({"schemaVersion": 2, "manifests": [manifest]})
    layout.files["manifest.json"] = text([{
        "Config": path(config), "RepoTags": [name], "Layers": [path(layer)]}])
    layout.write(archive)


if __name__ == "__main__":
    main(*sys.argv[1:])
