"""Clients of the HTTP API."""

from __future__ import annotations

import json
import select
import threading
import time
import uuid
from http.client import HTTPConnection
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from harness.waiting import wait_until

TERMINAL = ("SUCCESS", "FAILED", "CANCELLED")
JOB_LIMIT = 90


class HasAddress(Protocol):
    url: str
    token: str


class Api:
    """Calls with the admin's token. An error response fails the test with the server's message.

    With `patience`, a call is repeated for that many seconds while the server does not respond or responds with 5xx."""

    def __init__(self, server: HasAddress, patience: float = 0) -> None:
        self.url, self.patience = server.url, patience
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {server.token}"

    def call(self, method: str, path: str, body: Any = None, ok: bool = True, **more: Any) -> requests.Response:
        """The response; unless `ok` is False, it must be a success."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                response = self.session.request(
                    method, f"{self.url}{path}", json=body, timeout=10 if self.patience else 30, **more)
                if response.status_code < 500 or time.monotonic() >= deadline:
                    break
            except requests.RequestException:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.1)
        assert response.ok or not ok, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def get(self, path: str) -> Any:
        return _value(self.call("GET", path))

    def post(self, path: str, body: Any = None) -> Any:
        return _value(self.call("POST", path, body))

    # ---- vines and jobs

    def vine(self, main: str = "terraform {}", project: str | None = None, stage: str = "test", **more: Any) -> Any:
        """Creates a vine with this `main.tf`; returns what was sent together with the response."""
        body = {
            "project_name": project or f"p-{uuid.uuid4().hex[:8]}", "environment_stage": stage, "region": "eu-west-1",
            "source": {"type": "inline", "files": {"main.tf": main}}, **more,
        }
        return {**body, **self.post("/api/vines", body)}

    def job(self, kind: str, vine: str, **more: Any) -> Any:
        return self.post("/api/jobs", {"job_type": kind, "vine_id": vine, **more})

    def plan(self, vine: str) -> Any:
        """Runs a PLAN to its end."""
        return self.wait(self.job("PLAN", vine)["id"], "SUCCESS", log=True)

    def deploy(self, vine: str) -> Any:
        """Runs a PLAN and applies it; returns the created DEPLOY."""
        return self.post(f"/api/jobs/{self.plan(vine)['id']}/apply", {})

    def wait(
        self, job: str, *statuses: str, log: bool = False, engine: bool = False, limit: float = JOB_LIMIT,
    ) -> Any:
        """Waits until the job has one of `statuses` (default: any terminal one), and, if asked, a final log and an
        engine that has exited. Returns the job."""
        wanted = statuses or TERMINAL
        record: Any = None

        def is_over() -> bool:
            nonlocal record
            record = self.get(f"/api/jobs/{job}")
            assert record["status"] in wanted or record["status"] not in TERMINAL, (
                f"job {job} is {record['status']}: {record.get('error_message')}")
            return (record["status"] in wanted and not (log and record["log_state"] == "OPEN")
                    and not (engine and record["engine_state"] in ("RUNNING", "STOPPING")))

        def describe() -> str:
            names = ("status", "engine_state", "log_state")
            return f"{record['job_type']} {job} in its final state; it is {({name: record[name] for name in names})}"

        wait_until(is_over, describe, limit, pause=0.1)
        return record

    def rows(self, job: str, after: int = 0) -> list[Any]:
        """The stored rows of a log after this `seq`."""
        rows: list[Any] = []
        while page := self.get(f"/api/jobs/{job}/logs?limit=10000&after={after}")["chunks"]:
            rows += page
            after = page[-1]["seq"]
        return rows


def _value(response: requests.Response) -> Any:
    return response.json() if response.text else None


class Connection:
    """One persistent connection with fixed headers. It costs less per call than `Api`, and threads may share it."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float = 120) -> None:
        self.url, self.headers = url, headers
        parts = urlsplit(url)
        assert parts.hostname
        self.http = HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self.lock = threading.Lock()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded response, which must be a success. `body` is a JSON value, or bytes that are sent as they are."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with self.lock:
            if self._was_closed():
                self.http.close()
            self.http.request(method, path, body=data, headers=self.headers)
            response = self.http.getresponse()
            text = response.read()
        assert response.status < 300, f"{method} {path}: {response.status} {text[:300]!r}"
        return json.loads(text) if text else None

    def _was_closed(self) -> bool:
        """Whether the server closed the connection since the last response."""
        if self.http.sock is None:
            return False
        poll = select.poll()
        poll.register(self.http.sock, select.POLLIN)
        return bool(poll.poll(0))
