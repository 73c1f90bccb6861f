# SPDX-License-Identifier: Apache-2.0
"""A plugin of the Node Resource Interface, as small as one can be: it registers at the engine's
socket, is told what there is, and asks for containers to be updated.

One connection carries two: on the first the engine asks, on the second the plugin does, and each
speaks ttrpc, whose requests and responses are protocol buffers.
"""

import queue
import socket
import struct
import threading

from rpc import CallError, Schema

SOCKET = "/run/nri/nri.sock"
SECONDS = 200
ENGINE_ASKS, PLUGIN_ASKS = 1, 2                         # connections within the one
REQUEST, RESPONSE = 1, 2                                # kinds of ttrpc's messages
POST_START_CONTAINER = 7                                # an Event, by which bit it is
HEAD, TRUNK = struct.Struct(">IIBB"), struct.Struct(">II")

SCHEMA = Schema("""
Pair: key=1 string, value=2 string
Request: service=1 string, method=2 string, payload=3 bytes, timeout_nano=4 int
Status: code=1 int, message=2 string
Response: status=1 Status, payload=2 bytes
RegisterPluginRequest: plugin_name=1 string, plugin_idx=2 string
ConfigureResponse: events=2 int
SynchronizeRequest: pods=1* PodSandbox, containers=2* Container, more=3 int
SynchronizeResponse: update=1* ContainerUpdate, more=2 int
PodSandbox: id=1 string
Container: id=1 string, name=3 string
StateChangeEvent: event=1 int, pod=2 PodSandbox, container=3 Container
LinuxResources: unified=6 map
LinuxContainerUpdate: resources=1 LinuxResources
ContainerUpdate: container_id=1 string, linux=2 LinuxContainerUpdate
UpdateContainersRequest: update=1* ContainerUpdate
UpdateContainersResponse: failed=1* ContainerUpdate
""")


class Plugin:
    """Registered and synchronized when it is made; to be used with `with`."""

    def __init__(self, name, index="10"):
        self.containers = {}            # name: id, as the engine told it
        self.last = -1                  # stream
        self.answers = queue.Queue()
        self.synchronized = threading.Event()
        self.trunk = socket.socket(socket.AF_UNIX)
        self.trunk.connect(SOCKET)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        self.ask("RegisterPlugin", plugin_name=name, plugin_idx=index)
        assert self.synchronized.wait(SECONDS), "the engine did not synchronize"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.trunk.shutdown(socket.SHUT_RDWR)
        self.listener.join()
        self.trunk.close()

    def update(self, container, **unified):
        """Asks for keys of a container, with _ for the dot; the engine's refusal is a CallError."""
        keys = {key.replace("_", "."): value for key, value in unified.items()}
        failed = self.ask("UpdateContainers", update=[{
            "container_id": container, "linux": {"resources": {"unified": keys}}}])
        if failed := SCHEMA.read("UpdateContainersResponse", failed).get("failed"):
            raise CallError(-1, f"not updated: {failed}")

    def ask(self, method, **values):
        """The bytes of the answer; one question at a time."""
        self.last += 2
        self.send(PLUGIN_ASKS, self.last, REQUEST, SCHEMA.write("Request", {
            "service": "nri.pkg.api.v1alpha1.Runtime", "method": method,
            "payload": SCHEMA.write(f"{method}Request", values),
            "timeout_nano": SECONDS * 10 ** 9}))
        stream, said = self.answers.get(timeout=SECONDS)
        assert stream == self.last, (stream, self.last)
        status = said.get("status", {})
        if status.get("code"):
            raise CallError(status["code"], status.get("message", ""))
        return said.get("payload", b"")

    def send(self, connection, stream, kind, data):
        message = HEAD.pack(len(data), stream, kind, 0) + data
        self.trunk.sendall(TRUNK.pack(connection, len(message)) + message)

    def listen(self):
        """What comes, until the connection ends: messages may be in pieces within theirs."""
        pending = {ENGINE_ASKS: b"", PLUGIN_ASKS: b""}
        with self.trunk.makefile("rb") as stream:
            while head := stream.read(TRUNK.size):
                connection, length = TRUNK.unpack(head)
                pending[connection] = self.messages(connection,
                                                    pending[connection] + stream.read(length))

    def messages(self, connection, data):
        """Handles each that is whole; the rest."""
        while len(data) >= HEAD.size:
            length, stream, kind, _ = HEAD.unpack_from(data)
            if len(data) < HEAD.size + length:
                break
            message, data = data[HEAD.size:HEAD.size + length], data[HEAD.size + length:]
            if connection == PLUGIN_ASKS and kind == RESPONSE:
                self.answers.put((stream, SCHEMA.read("Response", message)))
            elif connection == ENGINE_ASKS and kind == REQUEST:
                self.send(ENGINE_ASKS, stream, RESPONSE, SCHEMA.write("Response", {
                    "payload": self.answer(**SCHEMA.read("Request", message))}))
        return data

    def answer(self, method, payload=b"", **_):
        """The bytes of the answer to what the engine asks."""
        if method == "Configure":
            return SCHEMA.write("ConfigureResponse", {"events": 1 << POST_START_CONTAINER - 1})
        if method == "Synchronize":
            said = SCHEMA.read("SynchronizeRequest", payload)
            self.note(*said.get("containers", []))
            if not said.get("more"):
                self.synchronized.set()
            return SCHEMA.write("SynchronizeResponse", {"more": 1} if said.get("more") else {})
        if method == "StateChange":
            self.note(SCHEMA.read("StateChangeEvent", payload).get("container", {}))
        return b""

    def note(self, *containers):
        self.containers.update({said["name"]: said["id"] for said in containers if "id" in said})
