"""A Vintner of the tests' own, its API, and a Tendril that does what a test says."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any, Iterable

import requests

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT = 60


class Server:
    """`vintner up` in a folder of its own; all that its parts print is kept."""

    def __init__(self, data: Path, *more: str) -> None:
        self.data = data
        self.output = data.parent / f"{data.name}.log"
        environment = dict(os.environ, PATH=f"{os.environ['PATH']}:{ROOT}/.tools/bin")
        environment.pop("TF_CLI_CONFIG_FILE", None)
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [str(binary()), "up", "--data", str(data), "--port", "0", *more],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True)
        deadline = time.monotonic() + START_LIMIT
        while "/sign-in#token=" not in self.output.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"The server did not start:\n{self.output.read_text()}")
            time.sleep(0.05)
        self.url = (data / "address").read_text().strip()
        self.token = (data / "admin.token").read_text().strip()
        self.host, self.port = "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    def trellis(self) -> int | None:
        """The pid of the control plane, a child of the process that was started here; None between two of them."""
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            # Children of other threads stand elsewhere.
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                children += (task / "children").read_text().split()
            for child in children:
                if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[1:2] == [b"trellis"]:
                    return int(child)
        except FileNotFoundError:
            pass
        return None

    def memory(self) -> int:
        """Resident bytes of the control plane."""
        status = Path(f"/proc/{self.trellis()}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) << 10

    def stop(self) -> float:
        """Ends it; answers how many seconds that took."""
        begin = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)
        return time.monotonic() - begin


def binary() -> Path:
    return Path(os.environ.get("VINTNER_BIN", ROOT / ".build" / "debug" / "vintner"))


class Api:
    """Calls with the admin's token; an error answer fails the test with the server's own sentence."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {server.token}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, self.server.url + path, json=body, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def vine(self, main: str = "terraform {}", **more: Any) -> str:
        return self.post("/api/vines", {
            "project_name": f"p-{uuid.uuid4().hex[:8]}", "environment_stage": "test", "region": "eu-west-1",
            "source": {"type": "inline", "files": {"main.tf": main}}, **more})["id"]

    def rows(self, job: str, after: int = 0) -> list[Any]:
        """The stored log."""
        rows: list[Any] = []
        while page := self.get(f"/api/jobs/{job}/logs?limit=10000&after={after}")["chunks"]:
            rows += page
            after = page[-1]["seq"]
        return rows

    def wait(self, job: str, status: str, limit: float = 90) -> Any:
        """Until the job has the status, and a final log."""
        deadline = time.monotonic() + limit
        while True:
            record = self.get(f"/api/jobs/{job}")
            if record["status"] == status and record["log_state"] != "OPEN":
                return record
            assert record["status"] not in {"SUCCESS", "FAILED", "CANCELLED"} - {status}, record
            assert time.monotonic() < deadline, f"job {job} is still {record['status']}, log {record['log_state']}"
            time.sleep(0.1)


class Tendril:
    """A Tendril that is only a client: it says what a real one would, when a test wants it said."""

    def __init__(self, api: Api, name: str = "") -> None:
        self.api = api
        self.name = name or f"t-{uuid.uuid4().hex[:8]}"
        made = api.post("/api/workers", {"name": self.name})
        self.id, self.token = made["worker_id"], made["worker_token"]
        self.connection = http.client.HTTPConnection(api.server.host, api.server.port, timeout=60)

    def send(self, method: str, path: str, body: Any) -> Any:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(
            method, path, body=text, headers={"X-Worker-ID": self.id, "X-Worker-Token": self.token})
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {data[:300]!r}"
        return json.loads(data) if data else None

    def beat(self, draining: bool = False) -> None:
        self.send("POST", "/api/workers/heartbeat", {
            "version": "test", "slots": 256, "draining": draining, "run_root": "/test", "leases": [],
            "engines": [{"name": "terraform", "version": "1.0.0", "platform": "linux_amd64"}]})

    def queue(self, **vine: Any) -> str:
        """A job that only this Tendril may take."""
        return self.api.post("/api/jobs", {
            "job_type": "PLAN", "vine_id": self.api.vine(**vine), "assigned_worker_id": self.id})["id"]

    def claim(self) -> str:
        self.beat()
        return self.send("POST", "/api/jobs/claim", {})["job_id"]

    def start(self, **vine: Any) -> Job:
        """A job that is PROCESSING."""
        queued = self.queue(**vine)
        assert self.claim() == queued
        job = Job(self, queued)
        job.report(status="PROCESSING", run_root="/test", engine={
            "name": "terraform", "version": "1.0.0", "platform": "linux_amd64"})
        return job


class Job:
    """A job whose log a test writes."""

    def __init__(self, tendril: Tendril, id: str) -> None:
        self.tendril, self.id = tendril, id
        self.appends = 0

    def report(self, **report: Any) -> None:
        self.tendril.send("PUT", f"/api/jobs/{self.id}/status", {"epoch": 1, **report})

    def append(self, *texts: str, stream: str = "STDOUT") -> int:
        """Appends a chunk for each text; answers the log's last `seq`."""
        return self.append_chunks({"stream_type": stream, "log_chunk": text} for text in texts)

    def append_chunks(self, chunks: Iterable[dict[str, Any]]) -> int:
        self.appends += 1
        body = {"epoch": 1, "n": self.appends, "chunks": list(chunks)}
        return self.tendril.send("POST", f"/api/jobs/{self.id}/logs", body)["seq"]

    def end(self) -> None:
        self.report(status="FAILED", engine_state="GONE", log={"incomplete": "test"})

    def seq(self) -> int:
        rows = self.tendril.api.rows(self.id)
        return rows[-1]["seq"] if rows else 0
