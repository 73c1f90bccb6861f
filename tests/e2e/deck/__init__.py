# SPDX-License-Identifier: Apache-2.0
"""What a test file needs: configurations, containers, the host around them, and skipping."""

from .bundle import (Config, Dev, Dir, Fifo, File, Link, bind, caps, config, idmap, namespaces,
                     overlay, BASE_MOUNTS, DEFAULT_CAPS)
from .container import (Container, Result, bundle, container, console, exec_flags, run, rt,
                        runtime_kind, runtime_path, until)
from .host import (HostState, canary, cgroup_files, controllers, descendants, host_unchanged,
                   mounted, mountpoints)
from .tap import Skip, current, main, needs, skip, timeout

__all__ = [name for name in dir() if not name.startswith("_")]
