"""One Trellis, one Tendril and the network between them, in one folder; on PostgreSQL, two nodes of Trellis."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from harness import Api, FaultProxy, PostgresServer, RemoteServer
from harness.program import ManagedProcess, parent_of, processes_of
from harness.waiting import wait_until

HERE = Path(__file__).resolve().parent
#: Trellis' address. The proxy has the same port on 127.0.0.1: Trellis responds only to names of its own.
HOST = "127.0.0.2"
#: The address of the second node.
SECOND_HOST = "127.0.0.3"
SECRET = "kopernikus-4711-äöü"


class NoDisk(Exception):
    """A file system can't be mounted without the rights to do so."""


class TestSystem:
    """What one round needs. `close` ends every process that it started."""

    __test__ = False  # for pytest, which would collect it by its name

    disk: Path | None = None
    trellis: ManagedProcess | None = None
    tendril: ManagedProcess | None = None
    proxy: Any = None
    #: The DEPLOY of the round, and what its faults keep while they are on.
    job = ""
    backup: Path | None = None
    database_lock: sqlite3.Connection | None = None
    #: On PostgreSQL: the server, the network between it and the nodes, and the second node.
    postgres: PostgresServer | None = None
    database_proxy: FaultProxy | None = None
    second: ManagedProcess | None = None

    def __init__(
        self, folder: Path, binary: Path, *tendril_options: str, small_disk: bool = False, engine: str = "sqlite",
    ) -> None:
        self.folder, self.engine = folder, engine
        try:
            self.start(binary, tendril_options, small_disk)
        except BaseException:
            self.close()
            raise

    def start(self, binary: Path, tendril_options: tuple[str, ...], small_disk: bool) -> None:
        folder = self.folder
        self.data, self.work = folder / "data", folder / "tendril"
        #: What the provisioner wrote down, and hard links to captures.
        self.records = folder / "records"
        for made in (self.data, self.work, self.records):
            made.mkdir(parents=True)
        if small_disk:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(self.work)], check=False)
            if mounted.returncode != 0:
                raise NoDisk("a small disk can't be mounted here")
            self.disk = self.work
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        options = self.start_postgres() if self.engine == "postgres" else []
        self.trellis = self.node(binary, HOST, self.data, "trellis.log", *options)
        self.trellis.start()
        self.wait_until_ready()
        targets = [(HOST, self.port)]
        if self.engine == "postgres":
            self.second = self.node(binary, SECOND_HOST, folder / "data-2", "trellis-2.log", *options)
            self.second.start()
            self.wait_until_ready(self.second, SECOND_HOST)
            targets.append((SECOND_HOST, self.port))
        # A call is repeated while a fault keeps Trellis from responding.
        self.api = Api(RemoteServer(self.url, (self.data / "admin.token").read_text().strip()), patience=60)
        self.proxy = self.make_proxy(*targets)
        worker = self.api.post("/api/workers", {"name": "chaos"})
        self.tendril = ManagedProcess(
            [str(binary), "tendril", "--work-dir", str(self.work), "--run-root", str(folder / "vines"),
             "--log-level", "info", *tendril_options],
            folder / "tendril.log",
            {"TRELLIS_URL": self.proxy.url, "TENDRIL_ID": worker["worker_id"], "TENDRIL_TOKEN": worker["worker_token"]})
        self.tendril.start()

    #: How each node drains; see `vintner trellis --drain`.
    drain = 0
    #: Whether the database has a synchronous standby.
    with_standby = False
    standby: PostgresServer | None = None

    def make_proxy(self, *targets: tuple[str, int]) -> Any:
        return FaultProxy(*targets, port=self.port)

    #: Whether PgBouncer stands before the database, in transaction mode.
    is_pooled = False
    pooler: ManagedProcess | None = None

    def start_pooler(self) -> int:
        """Starts PgBouncer before the database; returns its port."""
        assert self.postgres
        port, folder = self.postgres.free_port(), self.postgres.folder
        (folder / "users.txt").write_text('"vintner" ""\n')
        (folder / "pgbouncer.ini").write_text(f"""
            [databases]
            vintner = host=127.0.0.1 port={self.postgres.port} dbname=vintner
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {folder}/users.txt
            pool_mode = transaction
            default_pool_size = 20
        """.replace("            ", ""))
        command = self.postgres.as_user("/usr/sbin/pgbouncer", str(folder / "pgbouncer.ini"))
        self.pooler = ManagedProcess(command, folder / "pgbouncer.log")
        self.pooler.start()
        return port

    def start_postgres(self) -> list[str]:
        """Starts the server; returns the options with which a node uses it."""
        self.postgres = PostgresServer()
        self.postgres.create()
        address = self.postgres.url()
        if self.with_standby:
            self.standby = PostgresServer()
            self.standby.follow(self.postgres)
            server, name = address.rsplit("/", 1)
            address = f"{server},127.0.0.1:{self.standby.port}/{name}"
        else:
            port = self.start_pooler() if self.is_pooled else self.postgres.port
            self.database_proxy = FaultProxy(("127.0.0.1", port))
            address = self.postgres.url(self.database_proxy.port)
            address += "?pooler=transaction" if self.is_pooled else ""
        key = self.folder / "shared.key"
        key.write_text(base64.b64encode(os.urandom(32)).decode())
        return ["--database", address, "--secret-key-file", str(key), "--drain", str(self.drain)]

    def node(self, binary: Path, host: str, data: Path, log: str, *options: str) -> ManagedProcess:
        return ManagedProcess(
            [str(binary), "trellis", "--data", str(data), "--host", host, "--port", str(self.port), *options],
            self.folder / log)

    def wait_until_ready(self, node: ManagedProcess | None = None, host: str = HOST, limit: float = 60) -> None:
        node = node or self.trellis

        def is_ready() -> bool:
            assert node.is_running, f"Trellis ended:\n{node.log.read_text()[-2000:]}"
            try:
                return requests.get(f"http://{host}:{self.port}/readyz", timeout=5).status_code == 200
            except requests.RequestException:
                return False

        wait_until(is_ready, lambda: f"Trellis is ready:\n{node.log.read_text()[-2000:]}", limit)

    @property
    def nodes(self) -> list[ManagedProcess]:
        return [node for node in (self.trellis, self.second) if node]

    def vine(self, seed: int, seconds: float) -> str:
        """A vine with a secret variable, whose apply runs the provisioner for this many seconds."""
        command = (f"exec {sys.executable} {HERE / 'provisioner.py'} {self.records} {seed} {seconds} "
                   "'${nonsensitive(var.key)}'")
        main = f'''
            variable "key" {{
              type      = string
              sensitive = true
            }}
            resource "terraform_data" "first" {{}}
            resource "terraform_data" "talker" {{
              depends_on = [terraform_data.first]
              provisioner "local-exec" {{ command = {json.dumps(command)} }}
            }}
            resource "terraform_data" "last" {{ depends_on = [terraform_data.talker] }}
        '''
        return self.api.vine(main, f"chaos-{seed}", sensitive_variables={"key": SECRET})["id"]

    def finished(self, job: str, limit: float) -> Any:
        """The job, once its status, its engine and its log are final."""
        return self.api.wait(job, log=True, engine=True, limit=limit)

    def with_complete_log(self, job: str, limit: float) -> Any:
        """The job, once its log is COMPLETE."""
        return wait_until(
            lambda: (record := self.api.get(f"/api/jobs/{job}"))["log_state"] == "COMPLETE" and record,
            f"the log of {job} is complete", limit, pause=0.1)

    # ---- processes

    def processes(self) -> dict[int, list[str]]:
        """Every process that belongs to this folder, with its command line."""
        return processes_of(self.folder)

    def supervisors(self) -> list[int]:
        return [pid for pid, words in self.processes().items() if words[1:2] == ["supervise"]]

    def engines(self) -> list[int]:
        """The processes that a supervisor started."""
        parents = set(self.supervisors())
        return [pid for pid in self.processes() if parent_of(pid) in parents]

    def close(self) -> None:
        for part in (self.tendril, *self.nodes):
            if part:
                part.signal(signal.SIGCONT)
                part.kill()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.proxy:
            self.proxy.stop()
        if self.database_proxy:
            self.database_proxy.stop()
        if self.pooler:
            self.pooler.kill()
        for server in (self.postgres, self.standby):
            if server:
                server.close()
        if self.disk:
            subprocess.run(["umount", str(self.disk)], check=True)


def free_port() -> int:
    """A port that is free on all addresses."""
    while True:
        with socket.socket() as probe, socket.socket() as other, socket.socket() as second:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port))
                second.bind((SECOND_HOST, port))
                return port
            except OSError:
                continue
