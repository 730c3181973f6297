"""One Trellis, one Tendril and the network between them, in a folder of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from proxy import Proxy

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
#: Trellis' address; the proxy has the same port on 127.0.0.1.
HOST = "127.0.0.2"
SECRET = "kopernikus-4711-äöü"


def frozen_binary(folder: Path) -> Path:
    """A copy of the program: builds that go on meanwhile must not change what is tested."""
    source = Path(os.environ.get("VINTNER_BIN", ROOT / ".build" / "debug" / "vintner"))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, folder / "vintner")
    for resources in source.parent.glob("*.resources"):
        shutil.copytree(resources, folder / resources.name, dirs_exist_ok=True)
    return folder / "vintner"


class Part:
    """A process of the product that is killed, stopped and started again."""

    def __init__(self, name: str, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.is_running:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                start_new_session=True)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait(20)

    def end(self, patience: float = 15) -> None:
        """As an operator or an upgrade would."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self.process:
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not end within {patience} s of SIGTERM") from None


class NoDisk(Exception):
    """Mounting needs rights that not everybody has."""


class World:
    """Everything that one round needs. `close` ends whatever it started."""

    disk: Path | None = None

    def __init__(self, folder: Path, binary: Path, *tendril_options: str, small_disk: bool = False) -> None:
        self.folder, self.binary = folder, binary
        self.data, self.work = folder / "data", folder / "tendril"
        self.truth = folder / "truth"
        for made in (self.data, self.work, self.truth):
            made.mkdir(parents=True)
        if small_disk:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(self.work)], check=False)
            if mounted.returncode != 0:
                raise NoDisk("a disk of its own can't be mounted here")
            self.disk = self.work
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        environment = dict(os.environ, PATH=f"{os.environ['PATH']}:{ROOT}/.tools/bin")
        environment.pop("TF_CLI_CONFIG_FILE", None)
        self.trellis = Part(
            "trellis", folder,
            [str(binary), "trellis", "--data", str(self.data), "--host", HOST, "--port", str(self.port)], environment)
        self.trellis.start()
        self.wait_until_ready()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {(self.data / 'admin.token').read_text().strip()}"
        self.proxy = Proxy((HOST, self.port))
        worker = self.post("/api/workers", {"name": "chaos"})
        self.worker = worker["worker_id"]
        self.tendril_token = worker["worker_token"]
        self.tendril_environment = dict(
            environment, TRELLIS_URL=self.proxy.url, TENDRIL_ID=worker["worker_id"],
            TENDRIL_TOKEN=worker["worker_token"])
        self.tendril_command = [
            str(binary), "tendril", "--work-dir", str(self.work), "--run-root", str(folder / "vines"), "--log-level",
            "info", *tendril_options]
        self.tendril = Part("tendril", folder, self.tendril_command, self.tendril_environment)
        self.tendril.start()

    def wait_until_ready(self, limit: float = 60) -> None:
        deadline = time.monotonic() + limit
        while True:
            try:
                if requests.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                pass
            if time.monotonic() > deadline or not self.trellis.is_running:
                raise AssertionError(f"Trellis is not ready:\n{self.trellis.log.read_text()[-2000:]}")
            time.sleep(0.05)

    # What people do

    def call(self, method: str, path: str, body: Any = None, limit: float = 60) -> Any:
        """A call that is made again until the server answers: it may be away. A refusal is answered as it is."""
        deadline = time.monotonic() + limit
        while True:
            try:
                answer = self.session.request(method, self.url + path, json=body, timeout=10)
                if answer.status_code < 500:
                    return answer
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, f"{method} {path} was not answered within {limit} s"
            time.sleep(0.1)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.ok, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.call("POST", path, {} if body is None else body)
        assert answer.ok, f"POST {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def vine(self, seed: int, seconds: float) -> str:
        talk = f"exec {sys.executable} {HERE / 'talker.py'} {self.truth} {seed} {seconds} '${{nonsensitive(var.key)}}'"
        main = f'''
            variable "key" {{
              type      = string
              sensitive = true
            }}
            resource "terraform_data" "first" {{}}
            resource "terraform_data" "talker" {{
              depends_on = [terraform_data.first]
              provisioner "local-exec" {{ command = {json.dumps(talk)} }}
            }}
            resource "terraform_data" "last" {{ depends_on = [terraform_data.talker] }}
        '''
        return self.post("/api/vines", {
            "project_name": f"chaos-{seed}", "environment_stage": "test", "sensitive_variables": {"key": SECRET},
            "source": {"type": "inline", "files": {"main.tf": main}}})["id"]

    def finished(self, job: str, limit: float) -> Any:
        """The job, once its status, its engine and its log are final."""
        deadline = time.monotonic() + limit
        while True:
            record = self.get(f"/api/jobs/{job}")
            if record["status"] in {"SUCCESS", "FAILED", "CANCELLED"} and record["log_state"] != "OPEN" \
                    and record["engine_state"] not in {"RUNNING", "STOPPING"}:
                return record
            if time.monotonic() > deadline:
                facts = {name: record[name] for name in ("status", "engine_state", "log_state")}
                raise AssertionError(f"{record['job_type']} {job} is not over after {limit:.0f} s: {facts}")
            time.sleep(0.1)

    def whole(self, job: str, limit: float) -> Any:
        """The job, once its log is whole."""
        deadline = time.monotonic() + limit
        while (record := self.get(f"/api/jobs/{job}"))["log_state"] != "COMPLETE":
            assert time.monotonic() < deadline, f"the log of {job} never became whole"
            time.sleep(0.1)
        return record

    # What runs

    def processes(self) -> dict[int, list[str]]:
        """Every process that belongs to this folder: by its command line or its working folder."""
        found: dict[int, list[str]] = {}
        mine = str(self.folder)
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                place = os.readlink(entry / "cwd")
                # Zombies have no command line.
                if words and (any(mine in word for word in words) or place.startswith(mine)):
                    found[int(entry.name)] = words
            except OSError:
                continue
        return found

    def supervisors(self) -> list[int]:
        return [pid for pid, words in self.processes().items() if words[1:2] == ["supervise"]]

    def engines(self) -> list[int]:
        """Processes that a supervisor started."""
        parents = set(self.supervisors())
        return [pid for pid in self.processes() if parent_of(pid) in parents]

    def close(self) -> None:
        for part in (self.tendril, self.trellis):
            part.signal(signal.SIGCONT)
            part.signal(signal.SIGKILL)
            if part.process:
                part.process.wait(20)
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.proxy.stop()
        if self.disk:
            subprocess.run(["umount", str(self.disk)], check=True)


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


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
