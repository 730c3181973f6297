"""Two nodes of Trellis behind haproxy."""

from __future__ import annotations

import socket
from pathlib import Path

import requests
from harness import Api, RemoteServer
from harness.program import ManagedProcess
from harness.waiting import wait_until
from system import HOST, SECOND_HOST, TestSystem

CONFIGURATION = """
global
    maxconn 8000
    stats socket {folder}/haproxy.sock level admin
    hard-stop-after 1s

defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    # Another node is tried only where this one took no connection: no request is sent twice.
    retries 3
    retry-on conn-failure
    option redispatch 1

frontend vintner
    bind 127.0.0.1:{port}
    default_backend nodes

backend nodes
    balance leastconn
    option httpchk GET /readyz
    default-server check inter 500ms fall 2 rise 1
    server one {one}:{port}
    server two {two}:{port}
"""


class Balancer:
    """haproxy, as docs/operations.md describes it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.socket = folder / "haproxy.sock"
        file = folder / "haproxy.cfg"
        file.write_text(CONFIGURATION.format(folder=folder, port=port, one=HOST, two=SECOND_HOST))
        self.process = ManagedProcess(["/usr/sbin/haproxy", "-db", "-f", str(file)], folder / "haproxy.log")
        self.process.start()

        def takes_connections() -> bool:
            assert self.process.is_running, self.process.log.read_text()
            try:
                return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
            except requests.RequestException:
                return False

        wait_until(takes_connections, "haproxy takes connections", 30)

    def connections(self, node: str) -> int:
        """The connections to a node that are open."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.socket))
            control.sendall(b"show stat\n")
            text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
        names = text.splitlines()[0].lstrip("# ").split(",")
        rows = [dict(zip(names, line.split(","))) for line in text.splitlines()[1:] if line]
        return int(next(row["scur"] for row in rows if row["svname"] == node))

    def stop(self) -> None:
        self.process.kill()


class BalancedSystem(TestSystem):
    def __init__(self, folder: Path, binary: Path, with_standby: bool = False, drain: int = 0,
                 is_pooled: bool = False) -> None:
        self.with_standby, self.drain, self.is_pooled = with_standby, drain, is_pooled
        super().__init__(folder, binary, engine="postgres")
        # One node may be gone for good.
        self.api = Api(RemoteServer(self.proxy.url, (self.data / "admin.token").read_text().strip()), patience=60)

    def make_proxy(self, *targets: tuple[str, int]) -> Balancer:
        # A socket's path has at most 107 characters.
        return Balancer(Path(self.postgres.folder if self.postgres else self.folder), self.port)

    def connections(self, node: str) -> int:
        assert isinstance(self.proxy, Balancer)
        return self.proxy.connections(node)

    def ready(self, node: str) -> int:
        """The status of the node's `/readyz`; 0 if it does not answer."""
        try:
            host = HOST if node == "one" else SECOND_HOST
            return requests.get(f"http://{host}:{self.port}/readyz", timeout=10).status_code
        except requests.RequestException:
            return 0
