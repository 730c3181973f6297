"""A Tendril worked by hand, through the API that real ones use: for the states that a real one leaves too soon to be
looked at, or reaches only in an accident."""

from __future__ import annotations

import time
import uuid
from typing import Any

import requests

from conftest import Api

# A folder of its own, so that no other Tendril may take what was planned here.
TERRAFORM = {"name": "terraform", "version": "9.9.9", "platform": "linux_amd64"}


class Hand:
    def __init__(self, api: Api, name: str | None = None, **offer: Any) -> None:
        self.api = api
        self.name = name or f"hand-{uuid.uuid4().hex[:6]}"
        made = api.post("/api/workers", {"name": self.name})
        self.id = made["worker_id"]
        self.headers = {"X-Worker-ID": self.id, "X-Worker-Token": made["worker_token"]}
        self.offer = {"version": "0.1.0", "slots": 1, "engines": [TERRAFORM], "run_root": f"/hand/{self.id}", **offer}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.api.url}{path}", json=body, headers=self.headers, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def beat(self, draining: bool = False, leases: list[Any] | None = None) -> "Hand":
        """A sign of life: ONLINE, or DRAINING, for the next 30 s."""
        self.call("POST", "/api/workers/heartbeat", {**self.offer, "draining": draining, "leases": leases or []})
        return self

    def queued(self) -> list[Any]:
        """Jobs that wait for nothing but a Tendril."""
        rows = self.api.get("/api/jobs?status=QUEUED&limit=200")["items"]
        kinds = {row["id"]: (self.api.get(f"/api/jobs/{row['id']}").get("waiting_for") or {}).get("kind") for row in rows}
        return [row for row in rows if kinds[row["id"]] in ("nothing", "slot")]

    def claim(self, job: str) -> "Work":
        """Takes `job`. Whatever else it might be given is left to real Tendrils, which take it soon."""
        deadline = time.monotonic() + 60
        while any(row["id"] != job and row.get("assigned_worker_id") in (None, self.id) for row in self.queued()):
            assert time.monotonic() < deadline, "there are other jobs in the queue"
            time.sleep(0.1)
        order = self.call("POST", "/api/jobs/claim")
        assert order and order["job_id"] == job, order
        return Work(self, order)


class Work:
    """A lease that the hand holds."""

    def __init__(self, hand: Hand, order: Any) -> None:
        self.hand, self.job, self.epoch, self.sent = hand, order["job_id"], order["epoch"], 0

    def report(self, **what: Any) -> Any:
        return self.hand.call("PUT", f"/api/jobs/{self.job}/status", {"epoch": self.epoch, **what})

    def start(self) -> "Work":
        self.report(status="PROCESSING", engine=TERRAFORM, run_root=self.hand.offer["run_root"])
        return self

    def print(self, text: str, stream: str = "STDOUT") -> "Work":
        self.sent += 1
        self.hand.call("POST", f"/api/jobs/{self.job}/logs", {
            "epoch": self.epoch, "n": self.sent, "chunks": [{"stream_type": stream, "log_chunk": text}]})
        return self
