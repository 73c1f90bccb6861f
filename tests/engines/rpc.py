# SPDX-License-Identifier: Apache-2.0
"""One gRPC call over a unix socket: as much of HTTP/2 (RFC 9113), HPACK (RFC 7541) and protocol
buffers as a client needs that asks one question on each connection.

The server is told to keep no table of headers, so that each header block can be read by itself.
Knows nothing of what is asked.
"""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
LARGE = (1 << 31) - 1

# The code of HPACK is canonical: the lengths say it all. These are the characters that have a code
# of at most fifteen bits, which is every printable one but the backslash.
LENGTHS = {5: "012aceiost", 6: " %-./3456789=A_bdfghlmnpru", 7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
           8: "&*,;XZ", 10: "!\"()?", 11: "'+|", 12: "#>", 13: "\0$@[]~", 14: "^}", 15: "<`{"}


def codes():
    """{(length, code): character}"""
    found, code, before = {}, 0, 0
    for length, characters in LENGTHS.items():
        for character in characters:
            code <<= length - before
            before = length
            found[length, code] = character
            code += 1
    return found


CODES = codes()


class CallError(Exception):
    """The server's refusal: its status number and its words."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


# ---- headers -----------------------------------------------------------------------------------


def huffman(data):
    """Text, with a ? for what has a long code."""
    text, length, code = "", 0, 0
    for bit in (byte >> at & 1 for byte in data for at in range(7, -1, -1)):
        length, code = length + 1, code << 1 | bit
        if (length, code) in CODES:
            text += CODES[length, code]
            length = code = 0
        elif length == 30:
            text += "?"
            length = code = 0
    return text


def integer(data, at, bits):
    """A number with a prefix of some bits, and where the next thing begins."""
    value, at = data[at] & (1 << bits) - 1, at + 1
    if value < (1 << bits) - 1:
        return value, at
    shift = 0
    while True:
        value += (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 128:
            return value, at


def string(data, at):
    coded = data[at] & 128
    length, at = integer(data, at, 7)
    part = data[at:at + length]
    return huffman(part) if coded else part.decode(errors="replace"), at + length


def headers_read(data):
    """{name: value}; names from the static table, which gRPC's own are not in, are numbers."""
    found, at = {}, 0
    while at < len(data):
        first = data[at]
        if first & 128:
            _, at = integer(data, at, 7)
        elif first & 224 == 32:
            _, at = integer(data, at, 5)
        else:
            name, at = integer(data, at, 6 if first & 64 else 4)
            if not name:
                name, at = string(data, at)
            found[name], at = string(data, at)
    return found


def headers_written(pairs):
    """Literals that nobody remembers, uncoded; all are short."""
    return b"".join(b"\0" + b"".join(struct.pack("B", len(part)) + part.encode() for part in pair)
                    for pair in pairs)


# ---- frames ------------------------------------------------------------------------------------


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def frames(connection):
    """Each (kind, flags, stream, payload) that comes."""
    with connection.makefile("rb") as stream:
        while head := stream.read(9):
            length, = struct.unpack(">I", b"\0" + head[:3])
            kind, flags, number = struct.unpack(">BBI", head[3:])
            yield kind, flags, number, stream.read(length)


def call(path, method, request, seconds, more=()):
    """The bytes of the answer to the bytes of a request; more: pairs of further headers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(path)
        settings = struct.pack(">HIHI", HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, LARGE)
        head = headers_written([(":method", "POST"), (":scheme", "http"), (":path", method),
                                (":authority", "localhost"), ("content-type", "application/grpc"),
                                ("te", "trailers"), *more])
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) +
                           frame(WINDOW, 0, 0, struct.pack(">I", LARGE - 65535)) +
                           frame(HEADERS, END_HEADERS, 1, head) +
                           frame(DATA, END_STREAM, 1, struct.pack(">BI", 0, len(request)) + request))
        return answer(connection)


def answer(connection):
    body, said, block = b"", {}, b""
    for kind, flags, _, payload in frames(connection):
        if kind in (SETTINGS, PING) and not flags & ACK:
            connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind in (RESET, GOAWAY):
            raise CallError(-1, f"the server ended the call: {payload!r}")
        elif kind == DATA:
            body += payload[1:-payload[0] or None] if flags & PADDED else payload
        elif kind in (HEADERS, CONTINUATION):
            assert not flags & (PADDED | PRIORITY), "a server does not send these"
            block += payload
            if flags & END_HEADERS:
                said.update(headers_read(block))
                block = b""
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            break
    if said.get("grpc-status") != "0":
        raise CallError(int(said.get("grpc-status", -1)), said.get("grpc-message", ""))
    return body[5:]


# ---- protocol buffers --------------------------------------------------------------------------


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


class Schema:
    """Messages by name: "Name: member=NUMBER[*] Type, ..." on each line; * is repeated. A type is
    int, string, bytes, map, or another message."""

    def __init__(self, text):
        self.messages = {}
        for line in text.strip().splitlines():
            name, _, members = line.partition(":")
            self.messages[name.strip()] = dict(self.member(part) for part in members.split(","))

    @staticmethod
    def member(text):
        name, _, rest = text.strip().partition("=")
        number, _, kind = rest.partition(" ")
        return name, (int(number.rstrip("*")), number.endswith("*"), kind.strip())

    def write(self, name, values):
        out = b""
        for member, value in values.items():
            number, _, kind = self.messages[name][member]
            if kind == "map":
                value = [{"key": key, "value": text} for key, text in value.items()]
                kind = "Pair"
            for one in value if isinstance(value, list) else [value]:
                if kind == "int":
                    out += varint(number << 3) + varint(int(one))
                    continue
                part = one.encode() if isinstance(one, str) else one if isinstance(one, bytes) \
                    else self.write(kind, one)
                out += varint(number << 3 | 2) + varint(len(part)) + part
        return out

    def read(self, name, data):
        """A dictionary; members that the schema does not have are left out, absent ones too."""
        found, at = {}, 0
        known = {number: (member, many, kind)
                 for member, (number, many, kind) in self.messages[name].items()}
        while at < len(data):
            key, at = self.number(data, at)
            if key & 7 == 2:
                length, at = self.number(data, at)
                value, at = data[at:at + length], at + length
            elif key & 7 == 0:
                value, at = self.number(data, at)
            else:
                size = {1: 8, 5: 4}[key & 7]
                value, at = data[at:at + size], at + size
            if key >> 3 not in known:
                continue
            member, many, kind = known[key >> 3]
            if kind == "string":
                value = value.decode()
            elif kind == "map":
                pair = self.read("Pair", value)
                found.setdefault(member, {})[pair.get("key", "")] = pair.get("value", "")
                continue
            elif kind not in ("int", "bytes"):
                value = self.read(kind, value)
            if many:
                found.setdefault(member, []).append(value)
            else:
                found[member] = value
        return found

    @staticmethod
    def number(data, at):
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 128:
                return value, at
