# SPDX-License-Identifier: Apache-2.0
"""images: twelve that many people run, made of Debian's packages, at rest and with guests.

Each is an overlay over its layers, with a volume where its kind has one. `drift` is asked all the
while from its start until it serves, and when it does: there is none. What is added then is found,
among the image's own processes.
"""

import contextlib
import glob
import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass

from deck import bind, bundle, config, container, current, host, overlay, timeout, until
from deck.adversary import program
from deck.container import PATIENCE
from deck.drifted import bad, drift, executables, kinds, listeners
from deck.wire import inside

HERE = os.path.dirname(os.path.abspath(__file__))
HTTP = b"GET / HTTP/1.0\r\n\r\n"
POSTGRES = b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00"


@dataclass
class Image:
    """What it is made of, what it runs, and how one sees that it serves."""
    packages: str
    run: str                    # a line for its shell
    port: int
    asked: bytes                # what is sent there,
    answers: bytes              # and how the answer begins
    user: str = "root"
    volume: str = ""            # where it keeps its data: a directory of the host, its user's
    compiles: frozenset = frozenset()   # the files of memory that it executes; "" is none


IMAGES = {
    "nginx": Image("nginx-light", "exec nginx -g 'daemon off;'", 80, HTTP, b"HTTP/1.1 200"),
    "apache_php": Image(
        "apache2 libapache2-mod-php php-cli",
        # Its compiler at run time, of which all processes share the memory.
        "printf '%s\\n' opcache.jit=tracing opcache.jit_buffer_size=16M opcache.enable=1 "
        ">$(echo /etc/php/*/apache2/conf.d)/99-jit.ini; "
        "cd /var/www/html; rm -f index.html; "
        "echo '<?php for ($i = $n = 0; $i < 1e6; $i++) $n += $i; echo $n;' >index.php; "
        ". /etc/apache2/envvars; mkdir -p $APACHE_RUN_DIR; "
        "exec apache2 -DFOREGROUND", 80, HTTP, b"HTTP/1.1 200",
        compiles=frozenset({"/dev/zero (deleted)"})),
    "haproxy": Image(
        "haproxy", "printf '%s\\n' 'frontend f' ' mode http' ' bind :8080' ' timeout client 9s' "
        "' http-request return status 200' >/etc/haproxy/haproxy.cfg; "
        "exec haproxy -W -db -f /etc/haproxy/haproxy.cfg", 8080, HTTP, b"HTTP/1.1 200"),
    "busybox": Image("busybox", "echo hello >/tmp/index.html; "
                     "exec busybox httpd -f -p 8080 -h /tmp", 8080, HTTP, b"HTTP/1.1 200"),
    "redis": Image("redis-server", "exec redis-server --dir /data", 6379, b"PING\r\n", b"+PONG",
                   "redis", "/data"),
    "memcached": Image("memcached", "exec memcached", 11211, b"version\r\n", b"VERSION",
                       "memcache"),
    "postgres": Image(
        "postgresql", "bin=$(echo /usr/lib/postgresql/*/bin); $bin/initdb -D /data/pg && "
        "exec $bin/postgres -D /data/pg -c unix_socket_directories=/data", 5432,
        POSTGRES, b"R", "postgres", "/data"),
    "mariadb": Image(
        "mariadb-server",
        "mariadb-install-db --datadir=/data --auth-root-authentication-method=normal "
        "&& exec mariadbd --datadir=/data --socket=/data/s --pid-file=/data/p", 3306, b"", b"",
        "mysql", "/data"),
    "rabbitmq": Image(
        "rabbitmq-server", "export HOME=/var/lib/rabbitmq RABBITMQ_NODENAME=rabbit@localhost; "
        "exec /usr/lib/rabbitmq/bin/rabbitmq-server", 5672, b"AMQP\x00\x00\x09\x01", b"\x01\x00",
        "rabbitmq", "/var/lib/rabbitmq", frozenset({"/memfd:vmem (deleted)"})),
    "python": Image("python3", "exec python3 -m http.server 8080", 8080, HTTP, b"HTTP/1.0 200"),
    # As many images do with what is theirs: the overlay copies it.
    "node": Image("nodejs", "chown www-data $(readlink -f /usr/bin/node); exec node -e '"
                  "require(\"http\").createServer((q, r) => r.end(\"ok\")).listen(8080)'", 8080,
                  HTTP, b"HTTP/1.1 200", compiles=frozenset({""})),
    "java": Image("openjdk-21-jre-headless",
                  "exec java -m jdk.httpserver -b 0.0.0.0 -p 8080 -d /tmp", 8080, HTTP,
                  b"HTTP/1.1 200", compiles=frozenset({""})),
}


def layers_of(name, image):
    """The image's layers, made when they are not there yet; that fails loudly."""
    made = subprocess.run([f"{HERE}/make", name, *image.packages.split()], check=False, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)
    assert made.returncode == 0, f"THE IMAGE {name} CANNOT BE MADE:\n{made.stderr}"
    return made.stdout.strip()


def user_of(layers, name):
    """Its numbers, as the image has them."""
    for layer in layers.split(":"):
        with contextlib.suppress(FileNotFoundError), \
                open(f"{layer}/etc/passwd", encoding="utf-8") as lines:
            for words in (line.split(":") for line in lines):
                if words[0] == name:
                    return int(words[2]), int(words[3])
    raise AssertionError(f"no user {name} in {layers}")


def served(c, image):
    """Whether it answers as it should."""
    with inside(f"/proc/{c.pid}/ns/net"), contextlib.suppress(OSError), \
            socket.create_connection(("127.0.0.1", image.port), 10) as s:
        s.settimeout(10)
        s.sendall(image.asked)
        got = s.recv(64)
        return bool(got) and got.startswith(image.answers)
    return False


@contextlib.contextmanager
def imaged(name):
    """A created container of an image, as an engine makes it."""
    image = IMAGES[name]
    layers = layers_of(name, image)
    uid, gid = user_of(layers, image.user)
    hosts = os.path.join(current().tmp, "hosts")
    with open(hosts, "w", encoding="ascii") as out:
        out.write("127.0.0.1 localhost vessel\n")
    mounts = [bind(hosts, "/etc/hosts", "rw")]
    if image.volume:
        volume = os.path.join(current().tmp, "volume")
        os.mkdir(volume)
        os.chown(volume, uid, gid)
        mounts.append(bind(volume, image.volume, "rw"))
    process = {"user": {"uid": uid, "gid": gid},
               "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}
    path = bundle(config(process=process, args=["/bin/sh", "-c", image.run], mounts=mounts),
                  name=name)
    with overlay(path, lower=layers), container(path, None, name=name) as c:
        try:
            yield c, image
        except AssertionError:
            current().journal.append("the image said: " + (c.out + host.read(c.err_path))[-2000:])
            raise


def notes(found):
    """The files of executable memory; "" is that without one."""
    return {f["path"] for f in found["findings"] if f["kind"] == "anonymous"}


def at_rest(name):
    """Serves, and nothing of it is drift, from its first moment on."""
    with imaged(name) as (c, image):
        def clean_and_serving():
            assert c.status == "running", "it has ended"
            found = drift(c, rc=0)
            assert not kinds(found) and not found["notKnown"] and not found["how"], found
            return served(c, image)

        c.start().ok
        until(clean_and_serving, 60, what=f"{name} to serve")
        for _ in range(5):
            assert clean_and_serving(), "it serves no more"
        found = drift(c, rc=0)
        assert notes(found) == image.compiles
        assert not executables(found), found
        assert image.port in {port for _, _, _, port, _ in listeners(found)}, found
        what_is_added_is_found(c)
        assert served(c, image), "it serves no more"


def what_is_added_is_found(c):
    """A program, before it runs and when it does, one that gives privileges, one in memory, one that
    was deleted when it ran, and a library for one of the image's own programs."""
    shutil.copy(program(), c.rootfs("/tmp/dropped"))
    library, = glob.glob(c.rootfs("/usr/lib/*/libz.so.1"))
    shutil.copy(library, c.rootfs("/tmp/added.so"))
    found = drift(c, rc=0)
    assert not kinds(found), found
    assert ("/tmp/dropped", False) in executables(found), found
    os.chmod(shutil.copy(program(), c.rootfs("/tmp/waiting")), 0o4755)
    assert kinds(drift(c, rc=2)) == {("setuid", "/tmp/waiting", False, True)}
    os.unlink(c.rootfs("/tmp/waiting"))
    bad(c, "/tmp/dropped", "memfd")
    bad(c, "/tmp/dropped", "idle", "0")
    bad(c, "/bin/sh", "-c", "LD_PRELOAD=/tmp/added.so exec sh -c 'echo ready; sleep 999; :'")
    want = {("memfd", "/memfd:nothing (deleted)", True, True),
            ("upper", "/tmp/added.so", False, True)}
    assert kinds(drift(c, rc=2)) == want | {("upper", "/tmp/dropped", True, True)}
    os.unlink(c.rootfs("/tmp/dropped"))
    assert kinds(drift(c, rc=2)) == want | {("deleted", "/tmp/dropped (deleted)", True, True)}


@timeout(600)
def test_nginx_at_rest():
    "a master and its workers"
    at_rest("nginx")


@timeout(600)
def test_apache_with_php_at_rest():
    "a compiler at run time, whose memory all processes share"
    at_rest("apache_php")


@timeout(600)
def test_haproxy_at_rest():
    "a master that starts itself anew"
    at_rest("haproxy")


@timeout(600)
def test_busybox_at_rest():
    "one program for all"
    at_rest("busybox")


@timeout(600)
def test_redis_at_rest():
    "with a volume"
    at_rest("redis")


@timeout(600)
def test_memcached_at_rest():
    "threads"
    at_rest("memcached")


@timeout(600)
def test_postgres_at_rest():
    "shared memory, and files that were deleted while it started"
    at_rest("postgres")


@timeout(600)
def test_mariadb_at_rest():
    "temporary files without a name"
    at_rest("mariadb")


@timeout(600)
def test_rabbitmq_at_rest():
    "what Erlang compiles stands in a file in memory, once to write and once to execute"
    at_rest("rabbitmq")


@timeout(600)
def test_python_at_rest():
    "modules that are libraries"
    at_rest("python")


@timeout(600)
def test_node_at_rest():
    "a compiler at run time, and a program that was given to a user when it started"
    at_rest("node")


@timeout(600)
def test_java_at_rest():
    "a compiler at run time, and classes that are mapped"
    at_rest("java")


@contextlib.contextmanager
def clients(c, count):
    """Connections to PostgreSQL, each with a process of its own that has let it in."""
    with contextlib.ExitStack() as stack, inside(f"/proc/{c.pid}/ns/net"):
        for _ in range(count):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", 5432), 20))
            s.sendall(POSTGRES)
            got = b""
            while not got.endswith(b"Z\x00\x00\x00\x05I"):      # ready, and idle
                block = s.recv(4096)
                assert block, got
                got += block
        yield


def looked(c):
    """Seconds that a look takes, the whole command."""
    began = time.monotonic()
    subprocess.run([current().runtime, "--root", current().root, "drift", c.name], check=True,
                   stdout=subprocess.DEVNULL)
    return time.monotonic() - began


@timeout(600)
def test_a_hundred_tasks_are_quick():
    "of PostgreSQL with as many clients as it takes; in the middle of fifty looks"
    with imaged("postgres") as (c, image):
        c.start().ok
        until(lambda: served(c, image), 60, what="postgres to serve")
        with clients(c, 95):
            found = drift(c, rc=0)
            assert found["processes"] >= 100, found
            took = [looked(c) for _ in range(50)]
            print(f"p50 {statistics.median(took) * 1000:.1f} ms, best {min(took) * 1000:.1f} ms")
            assert statistics.median(took) < 0.2 * PATIENCE, took
