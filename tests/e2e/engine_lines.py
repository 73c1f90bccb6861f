# SPDX-License-Identifier: Apache-2.0
"""What engines send to a runtime, line by line, and what has to come back.

Each story is one container's life under one engine. `source` says which engine and version, and how
the lines are known: "recorded" ones were written down by a program standing in the runtime's place,
"read" ones are in that engine's source. Identifiers, directories and temporary names are placeholders;
everything else is as it was sent, in that order.

A row without `error` succeeds in silence: status 0, nothing on stderr, nothing in the log.
"""

from dataclasses import dataclass, field

PROCESS = ["/bin/probe", "exit", "0"]
ABSENT = ["/nonexistent"]

NOT_FOUND = 'exec: "/nonexistent": stat /nonexistent: no such file or directory'
IN_INIT = "unable to start container process: error during container init: "
EXEC_FAILED = "exec failed: unable to start container process: " + NOT_FOUND
GONE = "container does not exist"
ENDED = "container not running"

STATE = (r'\{{\n  "ociVersion": "1\.0\.2",\n  "id": "{id}",\n  "pid": %s,\n  "status": "%s",\n'
         r'  "bundle": "{bundle}",\n  "rootfs": "{bundle}/rootfs",\n'
         r'  "created": "\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z",\n  "owner": ""\n\}}')
CREATED, RUNNING, PAUSED = (STATE % ("{pid}", status) for status in
                            ("created", "running", "paused"))
STOPPED = STATE % ("0", "stopped")


@dataclass
class Row:
    """One call. Texts may hold placeholders; `out` is a regular expression for all of stdout."""
    line: str
    error: str = ""             # the message: on stderr, and as a record in the log
    status: int = -1            # -1: 0 without an error; 255 for exec and 1 for others with one
    out: str = ""
    stdin: str = ""
    file: str = ""              # what stands in {file}
    process: list = None        # arguments of the process in {process}
    terminal: bool = False      # the process has one, which {console} gets
    pid: str = ""               # the pid file: digits and nothing else, or empty with an error
    dies: dict = field(default_factory=dict)    # afterwards: pid file -> wait status, 128 + signal
    env: dict = None            # the whole environment
    needs: str = ""             # a controller or a command, without which the row is left out
    loud: bool = False          # says more than the error: debug records, in the log


@dataclass
class Story:
    """The rows share a container whose program is `verbs`."""
    source: str
    front: str                  # in front of each command; {driver} is --systemd-cgroup or nothing
    rows: list
    verbs: str = "trap KILL"    # answers to every signal, and stays
    args: list = None           # the container's program instead
    terminal: bool = False


# ---- containerd: the shim calls through go-runc -------------------------------------------------

SHIM = "--root {root} --log {bundle}/log.json --log-format json {driver}"
SHIM_LATE = "--root {root} --log {bundle}/log.json --log-format json"     # the shim's own clean-up
CREATE = "create --bundle {bundle} --pid-file {bundle}/init.pid {id}"

CONTAINERD = [
    Story("containerd 2.1.9 and ctr, recorded", SHIM, [
        Row(CREATE, pid="{bundle}/init.pid"),
        Row("start {id}"),
        Row("exec --process {process} --detach --pid-file {bundle}/e1.pid {id}", process=PROCESS,
            pid="{bundle}/e1.pid", dies={"{bundle}/e1.pid": 0}),
        Row("exec --process {process} --detach --pid-file {bundle}/e2.pid {id}", process=ABSENT,
            pid="{bundle}/e2.pid", error=EXEC_FAILED),
        Row("ps --format json {id}", out=r"\[{pid}\]\n"),
        Row("pause {id}"),
        Row("resume {id}"),
        Row("kill {id} 10"),
        Row("kill {id} 9", dies={"{bundle}/init.pid": 128 + 9}),
        Row("kill {id} 9", error=ENDED),
        Row("delete {id}"),
        Row("= " + SHIM_LATE + " delete --force {id}"),
    ]),
    Story("containerd 2.1.9 and ctr, recorded: a program that is not there", SHIM, [
        Row(CREATE, pid="{bundle}/init.pid", error="{name} create failed: " + IN_INIT + NOT_FOUND),
        Row("= " + SHIM_LATE + " delete --force {id}"),
    ], args=ABSENT),
    Story("containerd 2.1.9 and ctr, recorded: a terminal", SHIM, [
        Row("create --bundle {bundle} --pid-file {bundle}/init.pid --console-socket {console} {id}",
            pid="{bundle}/init.pid", terminal=True),
        Row("start {id}"),
        Row("exec --process {process} --console-socket {console} --detach --pid-file "
            "{bundle}/e3.pid {id}", process=PROCESS, terminal=True, pid="{bundle}/e3.pid",
            dies={"{bundle}/e3.pid": 0}),
        Row("kill {id} 9", dies={"{bundle}/init.pid": 128 + 9}),
        Row("delete {id}"),
        Row("= " + SHIM_LATE + " delete --force {id}"),
    ], terminal=True),
    Story("containerd 2.1.9 and the CRI, recorded", SHIM, [
        Row("= features", out=r"(?s)\{{.*\"ociVersionMin\".*\}}\n"),
        Row(CREATE, pid="{bundle}/init.pid"),
        Row("start {id}"),
        Row("update --resources=- {id}", needs="memory",
            stdin='{"devices":[{"allow":false,"access":"rwm"}],'
                  '"memory":{"limit":67108864,"swap":67108864},"cpu":{"shares":512}}'),
        Row("kill {id} 15"),
        Row("kill --all {id} 9", dies={"{bundle}/init.pid": 128 + 9}),
        Row("kill --all {id} 9"),
        Row("delete {id}"),
        Row("kill {id} 9", error=GONE),
        Row("kill --all {id} 9", error=GONE),
        Row("delete {id}", error=GONE),
        Row("= " + SHIM_LATE + " delete --force {id}"),
    ]),
    Story("containerd 2.1.9, recorded: what follows a checkpoint that ended the container", SHIM, [
        Row("resume {id}", error=GONE),
        Row("kill --all {id} 9", error=GONE),
        Row("delete {id}", error=GONE),
        Row("delete --force {id}"),
    ]),
    Story("containerd 1.7.24, read: CriuPath, NoPivotRoot and NoNewKeyring are configured",
          SHIM + " --criu /usr/sbin/criu", [
              Row("create --bundle {bundle} --pid-file {bundle}/init.pid --no-pivot "
                  "--no-new-keyring {id}", pid="{bundle}/init.pid"),
              Row("delete --force {id}", dies={"{bundle}/init.pid": 128 + 9}),
          ]),
    Story("go-runc 1.1.0, read: what its library can send beside", "--root={root} --debug=false "
          "--rootless=false", [
              Row("run --bundle {bundle} --detach --pid-file {bundle}/init.pid -no-subreaper {id}",
                  pid="{bundle}/init.pid"),
              Row("state {id}", out=RUNNING),
              Row("list --format=json", out=r'\[\{{"ociVersion":.*"status":"running".*\}}\]\n'),
              Row("ps --format table {id} -o pid", out=r" +PID\n *{pid}\n"),
              Row("events --stats {id}", out=r'\{{"type":"stats","id":"{id}","data":\{{.*\}}\}}\n'),
              Row("kill {id} 9", dies={"{bundle}/init.pid": 128 + 9}),
              Row("ps --format json {id}", out="null\n"),
              Row("state {id}", out=STOPPED),
              Row("delete {id}"),
              Row("list --format=json", out="null\n"),
          ]),
]

# ---- Docker: dockerd, containerd, the same shim -------------------------------------------------

DOCKER = [
    Story("Docker 28.5.2 with containerd 2.1.9, recorded", SHIM, [
        Row("= features", out=r"(?s)\{{.*\"mountOptions\".*\}}\n"),
        Row("= --version", out=r"(?s){name} version \d\S*\ncommit: \S+\nspec: 1\.\S+\n.*"),
        Row(CREATE, pid="{bundle}/init.pid"),
        Row("start {id}"),
        Row("exec --process {process} --detach --pid-file {bundle}/x1.pid {id}", process=PROCESS,
            pid="{bundle}/x1.pid", dies={"{bundle}/x1.pid": 0}),
        Row("exec --process {process} --detach --pid-file {bundle}/x2.pid {id}", process=ABSENT,
            pid="{bundle}/x2.pid", error=EXEC_FAILED),
        Row("exec --process {process} --console-socket {console} --detach --pid-file "
            "{bundle}/x3.pid {id}", process=PROCESS, terminal=True, pid="{bundle}/x3.pid",
            dies={"{bundle}/x3.pid": 0}),
        Row("ps --format json {id}", out=r"\[{pid}\]\n"),
        Row("pause {id}"),
        Row("resume {id}"),
        Row("update --resources=- {id}", stdin="{}"),
        Row("update --resources=- {id}", needs="memory",
            stdin='{"memory":{"limit":67108864,"swap":67108864},"cpu":{"quota":50000,'
                  '"period":100000},"pids":{"limit":0}}'),
        Row("kill {id} 10"),
        Row("kill {id} 15"),
        Row("kill {id} 9", dies={"{bundle}/init.pid": 128 + 9}),
        Row("delete {id}"),
        Row("= " + SHIM_LATE + " delete --force {id}"),
    ]),
    Story("Docker 28.5.2, recorded: a program that may not be executed", SHIM, [
        Row(CREATE, pid="{bundle}/init.pid",
            error="{name} create failed: " + IN_INIT + 'exec: "/etc/passwd": permission denied'),
        Row("= " + SHIM_LATE + " delete --force {id}"),
    ], args=["/etc/passwd"]),
    Story("Docker 28.5.2, recorded: runtimeArgs --debug stand in front", "--debug " + SHIM, [
        Row("= --debug features", out=r"(?s)\{{.*\}}\n", loud=True),
        Row(CREATE, pid="{bundle}/init.pid", loud=True),
        Row("ps --format json {id}", out=r"\[{pid}\]\n", loud=True),
        Row("kill {id} 9", dies={"{bundle}/init.pid": 128 + 9}, loud=True),
        Row("delete {id}", loud=True),
    ]),
]

# ---- Podman: conmon for create and exec, itself for the rest, no --root, almost no environment --

BARE = {"XDG_RUNTIME_DIR": ""}
PODMAN = [
    Story("Podman 5.8.6 with conmon 2.1.13, recorded", "", [
        Row("{driver} create --bundle {bundle} --pid-file {bundle}/pidfile {id}",
            pid="{bundle}/pidfile"),
        Row("start {id}", env={**BARE, "PATH": "/usr/bin:/bin"}),
        Row("exec --pid-file {bundle}/exec_pid --process {process} --detach {id}",
            process=PROCESS, pid="{bundle}/exec_pid", dies={"{bundle}/exec_pid": 0}),
        Row("exec --pid-file {bundle}/exec_pid2 --process {process} --detach {id}",
            process=ABSENT, pid="{bundle}/exec_pid2", error=EXEC_FAILED),
        Row("exec --pid-file {bundle}/exec_pid3 --process {process} --detach "
            "--console-socket {console} {id}", process=PROCESS, terminal=True,
            pid="{bundle}/exec_pid3", dies={"{bundle}/exec_pid3": 0}),
        Row("pause {id}", env=BARE),
        Row("resume {id}", env=BARE),
        Row("update --resources={file} {id}", needs="memory", env=BARE,
            file='{"devices":[{"allow":false,"access":"rwm"}],'
                 '"memory":{"limit":134217728,"swap":268435456},"pids":{"limit":2048}}'),
        Row("kill {id} 10", env=BARE),
        Row("kill {id} 15", env=BARE),
        Row("kill {id} 9", env=BARE, dies={"{bundle}/pidfile": 128 + 9}),
        Row("delete --force {id}", env=BARE),
    ]),
    Story("Podman 5.8.6 with runtime_supports_json, recorded", "", [
        Row("--log-format=json --log {bundle}/oci-log {driver} create --bundle {bundle} "
            "--pid-file {bundle}/pidfile {id}", pid="{bundle}/pidfile",
            error="{name} create failed: " + IN_INIT + NOT_FOUND),
        Row("delete --force {id}", env=BARE),
    ], args=ABSENT),
    Story("Podman 5.8.6 with --cgroups=disabled, recorded", "--log-format=json --log "
          "{bundle}/oci-log --cgroup-manager disabled", [
              Row("create --bundle {bundle} --pid-file {bundle}/pidfile {id}",
                  pid="{bundle}/pidfile"),
              Row("= start {id}", env=BARE),
              Row("= kill {id} 9", env=BARE, dies={"{bundle}/pidfile": 128 + 9}),
              Row("= delete --force {id}", env=BARE),
          ]),
    Story("Podman 5.8.6, recorded: can it restore into a pod, can it checkpoint", "", [
        Row("= checkpoint --help", out=r"(?s).*--image-path.*", needs="checkpoint"),
        Row("= restore --lsm-mount-context", needs="restore", error="?flag needs an argument: --lsm-mount-context"),
    ]),
]

# ---- CRI-O: conmon or conmon-rs for create and exec, itself for the rest ------------------------

CRIO = [
    Story("CRI-O main, recorded: what it asks at its start", "", [
        Row("--version", out=r"(?s){name} version .*"),
        Row("features", out=r"(?s)\{{.*\}}\n"),
    ]),
    Story("CRI-O main with conmon 2.1.13, recorded", "--root {root}", [
        Row("= {driver} --root={root} create --bundle {bundle} --pid-file {bundle}/pidfile {id}",
            pid="{bundle}/pidfile"),
        Row("state {id}", out=CREATED),
        Row("start {id}"),
        Row("state {id}", out=RUNNING),
        Row("= --root={root} exec --pid-file {file} --process {process} --detach {id}",
            process=PROCESS, pid="{file}", dies={"{file}": 0}),
        Row("exec --process {process} {id}", process=["/bin/probe", "exit", "5"], status=5),
        Row("= --root={root} exec --pid-file {file} --process {process} --detach {id}",
            process=ABSENT, pid="{file}", error=EXEC_FAILED),
        Row("update --resources - {id}", stdin='{"memory":{"limit":67108864,"swap":67108864},'
            '"cpu":{"shares":512}}', needs="memory"),
        Row("pause {id}"),
        Row("state {id}", out=PAUSED),
        Row("resume {id}"),
        Row("kill {id} 15"),
        Row("kill {id} KILL", dies={"{bundle}/pidfile": 128 + 9}),
        Row("kill {id} KILL", error=ENDED),
        Row("kill -a {id} 9"),
        Row("state {id}", out=STOPPED),
        Row("delete --force {id}"),
        Row("state {id}", error=GONE),
        Row("delete --force {id}"),
    ]),
    Story("CRI-O main with conmon-rs, read: global options twice, exec by words",
          "--root={root} {driver} --root={root} {driver}", [
              Row("create --bundle {bundle} --pid-file {bundle}/pidfile {id}",
                  pid="{bundle}/pidfile"),
              Row("= --root {root} start {id}"),
              Row("exec -d --pid-file={bundle}/e1 {id} /bin/probe exit 4", pid="{bundle}/e1",
                  dies={"{bundle}/e1": 4}),
              Row("exec -d --console-socket={console} --tty --pid-file={bundle}/e2 {id} "
                  "/bin/probe exit 6", terminal=True, pid="{bundle}/e2", dies={"{bundle}/e2": 6}),
              Row("exec -d --pid-file={bundle}/e3 {id} /nonexistent -x", pid="{bundle}/e3",
                  error=EXEC_FAILED),
              Row("= --root {root} kill {id} 9", dies={"{bundle}/pidfile": 128 + 9}),
              Row("= --root {root} delete --force {id}"),
          ]),
]
