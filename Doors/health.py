"""Measures the latency of `/healthz` under load."""

from __future__ import annotations

import http.client
import threading
import time

LIMIT = 0.25
ENOUGH = 10


class Health:
    """Requests `/healthz` in a loop, on one persistent connection or on a new one each time."""

    def __init__(self, host: str, port: int, keep: bool) -> None:
        self.host, self.port, self.keep = host, port, keep
        self.times: list[float] = []
        self.errors: list[str] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> Health:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # If the load ends at once, its aftermath is measured.
        deadline = time.monotonic() + 30
        while len(self.times) < ENOUGH and time.monotonic() < deadline:
            self.stopped.wait(0.02)
        self.stopped.set()
        self.thread.join(30)

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self.stopped.is_set():
            begin = time.monotonic()
            try:
                if connection is None or not self.keep:
                    connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
                connection.request("GET", "/healthz")
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.errors.append(str(response.status))
            except OSError as error:
                self.errors.append(repr(error))
                connection = None
            self.times.append(time.monotonic() - begin)
            self.stopped.wait(0.02)

    def check(self) -> None:
        """Checks that no response failed, and that the slowest one was within the limit."""
        assert len(self.times) >= ENOUGH, "too few measurements"
        assert not self.errors, self.errors[:3]
        slowest = max(self.times)
        assert slowest <= LIMIT, f"/healthz took {slowest * 1000:.0f} ms (of {len(self.times)} responses)"
