#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cri.py SOCKET HANDLER IMAGE COMMAND... - what a kubelet asks of an engine, as far as a test needs.

Makes a pod with the runtime handler HANDLER, in it a container of IMAGE that sleeps; prints their
ids; runs COMMAND with `sh -c` while they are there (ids in $POD and $CONTAINER); runs `echo` in the
container; stops and removes the pod. Ends with the status of COMMAND.

CRI is gRPC: HTTP/2 with Protocol Buffers. Of both there is just enough here: one request at a time
over a UNIX socket, headers as literals, no look at the headers that come back.
"""
import os
import socket
import struct
import subprocess
import sys

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
NODE = 2                            # NamespaceMode: the network of the host


class Refused(Exception):
    """A call that was answered without a message."""


# ---- Protocol Buffers --------------------------------------------------------------------------


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def message(fields):
    """{number: text, integer, message or list of them} as bytes."""
    out = b""
    for number, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += varint(number << 3) + varint(value)
                continue
            data = message(value) if isinstance(value, dict) else value.encode()
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def fields_of(data):
    """{number: last value}, an integer or bytes."""
    at, found = 0, {}

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        found[key >> 3] = value
    return found


# ---- HTTP/2 ------------------------------------------------------------------------------------


class Engine:
    """The socket of an engine; `call` is one CRI call."""

    def __init__(self, path):
        self.path = path

    def call(self, method, fields):
        with socket.socket(socket.AF_UNIX) as self.stream:
            self.stream.settimeout(300)
            self.stream.connect(self.path)
            self.stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            self.send(SETTINGS, 0, 0, b"")
            self.send(HEADERS, END_HEADERS, 1, b"".join(
                b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in (
                    (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"),
                    (b":path", f"/runtime.v1.RuntimeService/{method}".encode()),
                    (b"content-type", b"application/grpc"), (b"te", b"trailers"))))
            data = message(fields)
            self.send(DATA, END_STREAM, 1, struct.pack(">BI", 0, len(data)) + data)
            answer = self.answer()
        if len(answer) < 5:
            raise Refused(f"{method} was refused")
        return fields_of(answer[5:])

    def send(self, kind, flags, stream, data):
        self.stream.sendall(struct.pack(">I", len(data))[1:] + bytes([kind, flags]) +
                            struct.pack(">I", stream) + data)

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.stream.recv(size - len(data))
            if not more:
                raise Refused("the engine hung up")
            data += more
        return data

    def answer(self):
        """The data of stream 1 up to its end."""
        data = b""
        while True:
            head = self.read(9)
            kind, flags = head[3], head[4]
            body = self.read(int.from_bytes(head[:3], "big"))
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.send(kind, ACK, 0, body if kind == PING else b"")
            elif kind == DATA:
                data += body
            elif kind in (RST_STREAM, GOAWAY):
                raise Refused(f"the engine ended the call: {body!r}")
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return data


def main(path, handler, image, *command):
    engine = Engine(path)
    config = {1: {1: "pod", 2: f"uid-{os.getpid()}", 3: "tests"}, 4: {1: "127.0.0.1"},
              8: {1: "system.slice", 2: {1: {1: NODE}}}}
    pod = engine.call("RunPodSandbox", {1: config, 2: handler})[1].decode()
    try:
        container = engine.call("CreateContainer", {1: pod, 2: {
            1: {1: "sleeper"}, 2: {1: image}, 3: ["sleep", "1000"]}, 3: config})[1].decode()
        engine.call("StartContainer", {1: container})
        print(pod, container, flush=True)
        status = subprocess.run(["sh", "-c", " ".join(command)], check=False,
                                env={**os.environ, "POD": pod, "CONTAINER": container}).returncode
        said = engine.call("ExecSync", {1: container, 2: ["echo", "hello"], 3: 100})
        assert said.get(1) == b"hello\n" and said.get(3, 0) == 0, said
    finally:
        engine.call("StopPodSandbox", {1: pod})
        engine.call("RemovePodSandbox", {1: pod})
    return status


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Refused as e:
        sys.exit(f"cri.py: {e}")
