"""A Tendril that is only a client: it takes a job of its own vine, and says of it, and logs, what a test wants."""

from __future__ import annotations

import hashlib
import time
import uuid
from itertools import islice
from typing import Any, Iterable

import requests

from conftest import Api

# Text of one chunk and of one append: under what the server takes.
CHUNK_LINES = 500
APPEND_BYTES = 900_000
BEAT = 5


class PlayedJob:
    """A PLAN that runs for as long as the test plays it."""

    def __init__(self, api: Api) -> None:
        self.url = api.url
        worker = api.post("/api/workers", {"name": f"played-{uuid.uuid4().hex[:8]}"})
        self.session = requests.Session()
        self.session.headers.update({"X-Worker-ID": worker["worker_id"], "X-Worker-Token": worker["worker_token"]})
        self.engine = {"name": "terraform", "version": "1.0.0", "platform": "linux_amd64"}
        self.beat()
        vine = api.vine('resource "terraform_data" "a" {}\n', project=f"played-{uuid.uuid4().hex[:8]}")
        self.id = api.job("PLAN", vine["id"], assigned_worker_id=worker["worker_id"])["id"]
        claimed = self._send("POST", "/api/jobs/claim", {})
        assert claimed["job_id"] == self.id
        self._report(status="PROCESSING", run_root="/played", engine=self.engine)
        self.appends = 0
        self.hashes: dict[str, Any] = {}
        self.bytes: dict[str, int] = {}

    def _send(self, method: str, path: str, body: Any) -> Any:
        answer = self.session.request(method, f"{self.url}{path}", json=body, timeout=60)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.text else None

    def _report(self, **facts: Any) -> None:
        self._send("PUT", f"/api/jobs/{self.id}/status", {"epoch": 1, **facts})

    def beat(self) -> None:
        self._send("POST", "/api/workers/heartbeat", {
            "version": "test", "slots": 1, "draining": False, "run_root": "/played", "leases": [], "engines": [self.engine]})
        self.beaten = time.monotonic()

    def log(self, lines: Iterable[str], stream: str = "STDOUT") -> None:
        """Appends lines of one stream."""
        rest = iter(lines)
        self.chunks((stream, batch) for batch in iter(lambda: list(islice(rest, CHUNK_LINES)), []))

    def chunks(self, chunks: Iterable[tuple[str, list[str]]]) -> None:
        """Appends chunks in this order, as many at a time as one append may carry."""
        append: list[dict[str, Any]] = []
        size = 0
        for stream, lines in chunks:
            text = "\n".join(lines) + "\n"
            append.append({"stream_type": stream, "log_chunk": text, "times": [[len(lines), int(time.time() * 1000)]]})
            data = text.encode()
            self.hashes.setdefault(stream, hashlib.sha256()).update(data)
            self.bytes[stream] = self.bytes.get(stream, 0) + len(data)
            size += len(data)
            if size > APPEND_BYTES - 64 * 1024:
                self._append(append)
                append, size = [], 0
        if append:
            self._append(append)

    def _append(self, chunks: list[dict[str, Any]]) -> None:
        self.appends += 1
        self._send("POST", f"/api/jobs/{self.id}/logs", {"epoch": 1, "n": self.appends, "chunks": chunks})
        if time.monotonic() - self.beaten > BEAT:
            self.beat()

    def end(self) -> "PlayedJob":
        """The engine has failed, and all that it wrote has come."""
        digest = {stream: {"bytes": self.bytes[stream], "sha256": found.hexdigest()} for stream, found in self.hashes.items()}
        self._report(status="FAILED", engine_state="GONE", error_message="It was only played.", log={"digest": digest})
        return self
