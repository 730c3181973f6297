"""One Trellis, one Tendril and the network between them, in one folder."""

from __future__ import annotations

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

from harness import Api, FaultProxy, RemoteServer
from harness.program import ManagedProcess, parent_of, processes_of
from harness.waiting import wait_until

HERE = Path(__file__).resolve().parent
#: Trellis' address. The proxy has the same port on 127.0.0.1: Trellis responds only to names of its own.
HOST = "127.0.0.2"
SECRET = "kopernikus-4711-äöü"


class NoDisk(Exception):
    """A file system can't be mounted without the rights to do so."""


class TestSystem:
    """What one round needs. `close` ends every process that it started."""

    __test__ = False  # for pytest, which would collect it by its name

    disk: Path | None = None
    #: The DEPLOY of the round, and what its faults keep while they are on.
    job = ""
    backup: Path | None = None
    database_lock: sqlite3.Connection | None = None

    def __init__(self, folder: Path, binary: Path, *tendril_options: str, small_disk: bool = False) -> None:
        self.folder = folder
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
        self.trellis = ManagedProcess(
            [str(binary), "trellis", "--data", str(self.data), "--host", HOST, "--port", str(self.port)],
            folder / "trellis.log")
        self.trellis.start()
        self.wait_until_ready()
        # A call is repeated while a fault keeps Trellis from responding.
        self.api = Api(RemoteServer(self.url, (self.data / "admin.token").read_text().strip()), patience=60)
        self.proxy = FaultProxy((HOST, self.port), self.port)
        worker = self.api.post("/api/workers", {"name": "chaos"})
        self.tendril = ManagedProcess(
            [str(binary), "tendril", "--work-dir", str(self.work), "--run-root", str(folder / "vines"),
             "--log-level", "info", *tendril_options],
            folder / "tendril.log",
            {"TRELLIS_URL": self.proxy.url, "TENDRIL_ID": worker["worker_id"], "TENDRIL_TOKEN": worker["worker_token"]})
        self.tendril.start()

    def wait_until_ready(self, limit: float = 60) -> None:
        def is_ready() -> bool:
            assert self.trellis.is_running, f"Trellis ended:\n{self.trellis.log.read_text()[-2000:]}"
            try:
                return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
            except requests.RequestException:
                return False

        wait_until(is_ready, lambda: f"Trellis is ready:\n{self.trellis.log.read_text()[-2000:]}", limit)

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
        for part in (self.tendril, self.trellis):
            part.signal(signal.SIGCONT)
            part.kill()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.proxy.stop()
        if self.disk:
            subprocess.run(["umount", str(self.disk)], check=True)


def free_port() -> int:
    """A port that is free on both addresses."""
    while True:
        with socket.socket() as probe, socket.socket() as other:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
