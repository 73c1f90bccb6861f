# SPDX-License-Identifier: Apache-2.0
"""A small client of the Container Runtime Interface, version 1: what a kubelet asks for a pod."""

from rpc import Schema, call

SOCKET = "/run/containerd/containerd.sock"
SECONDS = 200

POD, CONTAINER, NODE = 0, 1, 2                          # NamespaceMode
CREATED, RUNNING, EXITED = 0, 1, 2                      # ContainerState

SCHEMA = Schema("""
Pair: key=1 string, value=2 string
Value: value=1 int
StatusRequest: verbose=1 int
StatusResponse: runtime_handlers=3* Handler
Handler: name=1 string, features=2 Features
Features: recursive_read_only_mounts=1 int, user_namespaces=2 int
PodMetadata: name=1 string, uid=2 string, namespace=3 string, attempt=4 int
IDMapping: host_id=1 int, container_id=2 int, length=3 int
UserNamespace: mode=1 int, uids=2* IDMapping, gids=3* IDMapping
NamespaceOption: network=1 int, pid=2 int, ipc=3 int, target_id=4 string, \
    userns_options=5 UserNamespace
SecurityProfile: profile_type=1 int, localhost_ref=2 string
SandboxSecurity: namespace_options=1 NamespaceOption, seccomp=9 SecurityProfile
LinuxPod: cgroup_parent=1 string, security_context=2 SandboxSecurity, sysctls=3 map
PodSandboxConfig: metadata=1 PodMetadata, hostname=2 string, log_directory=3 string, \
    labels=6 map, annotations=7 map, linux=8 LinuxPod
RunPodSandboxRequest: config=1 PodSandboxConfig, runtime_handler=2 string
RunPodSandboxResponse: pod_sandbox_id=1 string
PodSandboxStatusRequest: pod_sandbox_id=1 string
PodSandboxStatusResponse: status=1 PodSandboxStatus
PodSandboxStatus: id=1 string, state=3 int, runtime_handler=9 string
StopPodSandboxRequest: pod_sandbox_id=1 string
StopPodSandboxResponse: none=1 int
RemovePodSandboxRequest: pod_sandbox_id=1 string
RemovePodSandboxResponse: none=1 int
ListPodSandboxRequest: none=1 int
ListPodSandboxResponse: items=1* PodSandbox
PodSandbox: id=1 string, runtime_handler=7 string
ImageSpec: image=1 string
Metadata: name=1 string, attempt=2 int
Mount: container_path=1 string, host_path=2 string, readonly=3 int
Capability: add_capabilities=1* string, drop_capabilities=2* string
Resources: cpu_period=1 int, cpu_quota=2 int, cpu_shares=3 int, memory_limit_in_bytes=4 int, \
    oom_score_adj=5 int, unified=9 map, memory_swap_limit_in_bytes=10 int
Security: capabilities=1 Capability, privileged=2 int, namespace_options=3 NamespaceOption, \
    run_as_user=5 Value, readonly_rootfs=7 int, no_new_privs=11 int, run_as_group=12 Value, \
    masked_paths=13* string, readonly_paths=14* string, seccomp=15 SecurityProfile
LinuxContainer: resources=1 Resources, security_context=2 Security
ContainerConfig: metadata=1 Metadata, image=2 ImageSpec, command=3* string, args=4* string, \
    working_dir=5 string, envs=6* Pair, mounts=7* Mount, log_path=11 string, tty=14 int, \
    linux=15 LinuxContainer
CreateContainerRequest: pod_sandbox_id=1 string, config=2 ContainerConfig, \
    sandbox_config=3 PodSandboxConfig
CreateContainerResponse: container_id=1 string
StartContainerRequest: container_id=1 string
StartContainerResponse: none=1 int
StopContainerRequest: container_id=1 string, timeout=2 int
StopContainerResponse: none=1 int
RemoveContainerRequest: container_id=1 string
RemoveContainerResponse: none=1 int
ContainerStatusRequest: container_id=1 string, verbose=2 int
ContainerStatusResponse: status=1 ContainerStatus, info=2 map
ContainerStatus: id=1 string, state=3 int, exit_code=7 int, reason=10 string, message=11 string
ListContainersRequest: none=1 int
ListContainersResponse: containers=1* Container
Container: id=1 string
UpdateContainerResourcesRequest: container_id=1 string, linux=2 Resources
UpdateContainerResourcesResponse: none=1 int
ExecSyncRequest: container_id=1 string, cmd=2* string, timeout=3 int
ExecSyncResponse: stdout=1 bytes, stderr=2 bytes, exit_code=3 int
ContainerStatsRequest: container_id=1 string
ContainerStatsResponse: stats=1 ContainerStats
ContainerStats: cpu=2 Cpu, memory=3 Memory
Cpu: usage_core_nano_seconds=2 Value
Memory: working_set_bytes=2 Value
""")


def ask(name, **values):
    """One call of the runtime service: RunPodSandbox(config=...) gives its response."""
    request = SCHEMA.write(f"{name}Request", values)
    data = call(SOCKET, f"/runtime.v1.RuntimeService/{name}", request, SECONDS)
    return SCHEMA.read(f"{name}Response", data)


class Pod:
    """A sandbox; what it holds goes with it."""

    count = 0

    def __init__(self, handler, logs, **linux):
        Pod.count += 1
        self.number, self.logs = Pod.count, logs
        security = {"namespace_options": {"pid": CONTAINER, "network": NODE},
                    **linux.pop("security_context", {})}
        self.config = {
            "metadata": {"name": f"pod{self.number}", "uid": f"uid{self.number}",
                         "namespace": "default"},
            "log_directory": logs, "linux": {"security_context": security, **linux}}
        self.security = security
        self.handler = handler
        self.id = ask("RunPodSandbox", config=self.config, runtime_handler=handler)["pod_sandbox_id"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        ask("StopPodSandbox", pod_sandbox_id=self.id)
        ask("RemovePodSandbox", pod_sandbox_id=self.id)

    def status(self):
        return ask("PodSandboxStatus", pod_sandbox_id=self.id)["status"]

    def create(self, name, *command, image="localhost/busybox:1", resources=None, security=None,
               mounts=()):
        """A created container's id; its log is NAME.log in the pod's directory."""
        context = {"namespace_options": self.security["namespace_options"], **(security or {})}
        return ask("CreateContainer", pod_sandbox_id=self.id, sandbox_config=self.config, config={
            "metadata": {"name": name}, "image": {"image": image}, "command": list(command),
            "log_path": f"{name}.log", "mounts": list(mounts),
            "linux": {"resources": resources or {}, "security_context": context}})["container_id"]

    def run(self, name, *command, **more):
        made = self.create(name, *command, **more)
        ask("StartContainer", container_id=made)
        return made


def status(container):
    return ask("ContainerStatus", container_id=container)["status"]


def exec_sync(container, *command, timeout=0):
    """(exit code, stdout, stderr)"""
    said = ask("ExecSync", container_id=container, cmd=list(command), timeout=timeout)
    return (said.get("exit_code", 0), said.get("stdout", b"").decode(),
            said.get("stderr", b"").decode())
