"""A simulated Tendril: it claims jobs, and reports and logs what a test specifies, through the API of real ones.

With it, a test holds states that a real Tendril leaves too soon, reaches only after an accident, or needs long for.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from itertools import islice
from typing import Any, Iterable

from harness.api import TERMINAL, Api, Connection
from harness.waiting import wait_until

# No real Tendril has this version, so none takes what was planned here.
TERRAFORM = {"name": "terraform", "version": "9.9.9", "platform": "linux_amd64"}

# Limits of one chunk and one append, below the server's.
CHUNK_LINES = 500
APPEND_BYTES = 830_000
HEARTBEAT_INTERVAL = 5


class SimulatedTendril:
    """A registered Tendril. It is OFFLINE until its first heartbeat. `offer` overrides what the heartbeat contains."""

    def __init__(self, api: Api, name: str | None = None, **offer: Any) -> None:
        self.api = api
        self.name = name or f"simulated-{uuid.uuid4().hex[:8]}"
        made = api.post("/api/workers", {"name": self.name})
        self.id, self.token = made["worker_id"], made["worker_token"]
        self.offer = {
            "version": "0.1.0", "slots": 256, "engines": [TERRAFORM], "run_root": f"/simulated/{self.id}", **offer}
        self.connection = self.connect()
        self.last_heartbeat = 0.0
        self.leases: dict[str, int] = {}  # the epoch of each job that it runs

    def connect(self) -> Connection:
        """Another connection with this Tendril's credentials."""
        return Connection(self.api.url, {"X-Worker-ID": self.id, "X-Worker-Token": self.token})

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return self.connection.send(method, path, body)

    def beat(self, draining: bool = False) -> SimulatedTendril:
        """Sends a heartbeat: ONLINE or DRAINING for the next 30 s."""
        leases = [{"job_id": job, "epoch": epoch} for job, epoch in self.leases.items()]
        self.send("POST", "/api/workers/heartbeat", {**self.offer, "draining": draining, "leases": leases})
        self.last_heartbeat = time.monotonic()
        return self

    def queue(self, kind: str = "PLAN", **vine: Any) -> str:
        """Queues a job, of its own vine, that only this Tendril can claim."""
        return self.api.job(kind, self.api.vine(**vine)["id"], assigned_worker_id=self.id)["id"]

    def claim(self, job: str) -> SimulatedJob:
        """Claims this job. Waits until real Tendrils have taken all others that it might be given instead."""
        self.beat()
        wait_until(lambda: not self._others(job), "no other job in the queue", 60, pause=0.1)
        order = self.send("POST", "/api/jobs/claim")
        assert order and order["job_id"] == job, order
        self.leases[job] = order["epoch"]
        return SimulatedJob(self, job, order["epoch"])

    def _others(self, job: str) -> list[str]:
        """Queued jobs, other than this one, that wait only for a Tendril such as this one."""
        def is_claimable(id: str) -> bool:
            return (self.api.get(f"/api/jobs/{id}").get("waiting_for") or {}).get("kind") in ("nothing", "slot")

        rows = self.api.get("/api/jobs?status=QUEUED&limit=200")["items"]
        return [row["id"] for row in rows
                if row["id"] != job and row.get("assigned_worker_id") in (None, self.id) and is_claimable(row["id"])]

    def start(self, kind: str = "PLAN", **vine: Any) -> SimulatedJob:
        """A new job, of its own vine, that is PROCESSING."""
        return self.claim(self.queue(kind, **vine)).start()


class SimulatedJob:
    """A job that a simulated Tendril has claimed."""

    def __init__(self, tendril: SimulatedTendril, id: str, epoch: int) -> None:
        self.tendril, self.id, self.epoch = tendril, id, epoch
        self.appends = 0
        self.hashes: dict[str, Any] = {}
        self.bytes: dict[str, int] = {}

    def report(self, **facts: Any) -> Any:
        if facts.get("status") in TERMINAL or facts.get("engine_state") == "GONE":
            self.tendril.leases.pop(self.id, None)
        return self.tendril.send("PUT", f"/api/jobs/{self.id}/status", {"epoch": self.epoch, **facts})

    def start(self) -> SimulatedJob:
        self.report(status="PROCESSING", engine=TERRAFORM, run_root=self.tendril.offer["run_root"])
        return self

    # ---- its plan

    def save(self, artifact: bytes = b"plan") -> SimulatedJob:
        """Stores the saved plan, without which a PLAN can't succeed."""
        headers = {**self.tendril.connection.headers, "X-Content-SHA256": hashlib.sha256(artifact).hexdigest()}
        Connection(self.tendril.api.url, headers).send("PUT", f"/api/jobs/{self.id}/artifact?epoch={self.epoch}", artifact)
        return self

    def plan(self, changes: list[dict[str, Any]], piece: int = 200, **summary: Any) -> SimulatedJob:
        """Stores what the job plans. A change needs an address and an action; what is absent is filled in."""
        actions: dict[str, int] = {}
        messages = []
        for n, given in enumerate(changes, 1):
            detail = {"diff": [], "outline": [], "unchanged": 0, **given.pop("detail", {})}
            digest = given.pop("digest", hashlib.sha256(repr((given, detail)).encode()).hexdigest())
            type = given["address"].split(".")[-2]
            change = {"n": n, "module": "", "type": type, "forces": [], "drift": False, "attributes": [], **given}
            actions[change["action"]] = actions.get(change["action"], 0) + 1
            messages.append({"change": change, "digest": digest, "detail": detail})
        whole = {
            "total": len(messages), "actions": actions, "types": sorted({message["change"]["type"] for message in messages}),
            "outputs": [], "checks": [], "unchanged": 0, "hidden_drift": 0, **summary}
        for start in range(0, max(1, len(messages)), piece):
            body: dict[str, Any] = {"epoch": self.epoch, "is_first": start == 0, "changes": messages[start:start + piece]}
            if start + piece >= len(messages):
                body["summary"] = whole
            self.tendril.send("PUT", f"/api/jobs/{self.id}/plan", body)
        return self

    def resources(self, *items: dict[str, Any], graph: dict[str, Any] | None = None) -> SimulatedJob:
        """Reports what happens to resources."""
        self.tendril.send("PUT", f"/api/jobs/{self.id}/resources", {"epoch": self.epoch, "items": list(items), "graph": graph})
        return self

    # ---- its log

    def append(self, *texts: str, stream: str = "STDOUT") -> int:
        """Appends one chunk per text; returns the log's last `seq`."""
        return self.append_chunks({"stream_type": stream, "log_chunk": text} for text in texts)

    def print(self, text: str, stream: str = "STDOUT") -> SimulatedJob:
        self.append(text, stream=stream)
        return self

    def append_lines(self, lines: Iterable[str], stream: str = "STDOUT") -> None:
        """Appends any number of lines to one stream."""
        rest = iter(lines)
        self.append_parts((stream, part) for part in iter(lambda: list(islice(rest, CHUNK_LINES)), []))

    def append_parts(self, parts: Iterable[tuple[str, list[str]]]) -> None:
        """Appends lines of several streams in this order, in appends as large as the server accepts."""
        chunks: list[dict[str, Any]] = []
        size = 0
        for stream, lines in parts:
            text = "\n".join(lines) + "\n"
            chunks.append({"stream_type": stream, "log_chunk": text, "times": [[len(lines), int(time.time() * 1000)]]})
            size += len(text.encode())
            if size > APPEND_BYTES:
                self.append_chunks(chunks)
                chunks, size = [], 0
        if chunks:
            self.append_chunks(chunks)

    def append_chunks(self, chunks: Iterable[dict[str, Any]]) -> int:
        """Appends these chunks at once; returns the log's last `seq`. The Tendril stays ONLINE meanwhile."""
        if time.monotonic() - self.tendril.last_heartbeat > HEARTBEAT_INTERVAL:
            self.tendril.beat()
        self.appends += 1
        appended = list(chunks)
        body = {"epoch": self.epoch, "n": self.appends, "chunks": appended}
        seq = self.tendril.send("POST", f"/api/jobs/{self.id}/logs", body)["seq"]
        for chunk in appended:
            stream, data = chunk["stream_type"], chunk["log_chunk"].encode()
            self.hashes.setdefault(stream, hashlib.sha256()).update(data)
            self.bytes[stream] = self.bytes.get(stream, 0) + len(data)
        return seq

    def seq(self) -> int:
        """The log's last `seq`."""
        rows = self.tendril.api.rows(self.id)
        return rows[-1]["seq"] if rows else 0

    # ---- its end

    def end(self) -> SimulatedJob:
        """The engine has failed, and its whole log has been appended."""
        digest = {stream: {"bytes": self.bytes[stream], "sha256": hash.hexdigest()} for stream, hash in self.hashes.items()}
        self.report(status="FAILED", engine_state="GONE", error_message="The job was simulated.", log={"digest": digest})
        return self
