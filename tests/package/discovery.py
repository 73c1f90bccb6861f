#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""discovery.py COMMAND... - run a command with a server that says which kinds a cluster has.

kubectl asks a cluster for its kinds even when it shall only look at a manifest
(--dry-run=client); no cluster is needed to answer that. The address is in $SERVER.
"""
import http.server
import json
import os
import subprocess
import sys
import threading

KINDS = {"apps/v1": [("daemonsets", "DaemonSet", True)],
         "node.k8s.io/v1": [("runtimeclasses", "RuntimeClass", False)]}


def document(path):
    """What a cluster answers to a GET, or None."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": []}
    if path == "/apis":
        groups = []
        for version in KINDS:
            versions = [{"groupVersion": version, "version": version.split("/")[1]}]
            groups.append({"name": version.split("/")[0], "versions": versions,
                           "preferredVersion": versions[0]})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    for version, kinds in KINDS.items():
        if path == f"/apis/{version}":
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version,
                    "resources": [{"name": name, "singularName": "", "kind": kind, "verbs": ["create"],
                                   "namespaced": namespaced} for name, kind, namespaced in kinds]}
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    """Knows nothing but `document`."""

    def do_GET(self):                   # pylint: disable=invalid-name
        found = document(self.path.split("?")[0])
        body = json.dumps(found or {"kind": "Status", "code": 404}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):          # pylint: disable=arguments-differ
        pass


def main(*command):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        status = subprocess.run(command, env={**os.environ, "SERVER": address}, check=False)
        server.shutdown()
    return status.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
