#!/usr/bin/env python3
"""Many followers of one job in one process. It uses plain sockets, so that it costs little CPU compared with the server.

Usage: clients.py URL TOKEN JOB FOLLOWERS STUCK. Joins all followers (STUCK of them never read after that), prints
"ready", reads until a line arrives on standard input, and then prints what it received as one line of JSON.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import sys
import time

DRAIN = 0.5  # seconds in which lines on their way still arrive after the end
SAMPLE = 20  # one of this many followers records the delay of each line


class Follower:
    """One WebSocket that counts the lines it receives."""

    #: When all followers had joined.
    ready = float("inf")

    def __init__(self, url: str, token: str, job: str, number: int, is_stuck: bool) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.socket()
        if is_stuck:  # a small buffer, so that what it does not read stays in the server
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /realtime/v1/websocket?apikey={token}&vsn=2.0.0 HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.socket.recv(4096)
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        assert b" 101 " in head, head
        binding = {"event": "INSERT", "schema": "public", "table": "provision_job_logs", "filter": f"job_id=eq.{job}"}
        self.send(["1", "1", f"realtime:job:{job}", "phx_join", {"config": {"postgres_changes": [binding]}}])
        self.frames = -2  # the reply and "Subscribed" are not lines
        self.delays: list[float] | None = [] if number % SAMPLE == 0 else None
        while self.frames < 0:
            self.receive(self.socket.recv(65536))
        self.socket.setblocking(False)

    def send(self, message: object) -> None:
        text = json.dumps(message).encode()
        mask = os.urandom(4)
        head = bytes([0x81]) + (bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0xFE]) + len(text).to_bytes(2, "big"))
        self.socket.sendall(head + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(text)))

    def receive(self, data: bytes) -> None:
        """Counts text frames; responds to pings."""
        if not data:
            raise SystemExit("the server closed a follower's connection")
        self.rest = data = self.rest + data if self.rest else data
        at, now = 0, time.time()
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2:at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2:at + 10], "big"), at + 10
            if start + size > len(data):
                break
            if data[at] == 0x81:
                self.frames += 1
                if self.delays is not None:
                    self.record(data[start:start + size], now)
            elif data[at] == 0x89:
                self.socket.send(bytes([0x8A, 0x80, 0, 0, 0, 0]))
            at = start + size
        self.rest = data[at:]

    def record(self, frame: bytes, now: float) -> None:
        """Records the delays of the lines in a frame."""
        for part in frame.split(b"stamp=")[1:]:
            if part[:1].isdigit():
                printed = float(part[:17])
                # Lines printed before all had joined waited for the join, not for the server.
                if self.delays is not None and printed > Follower.ready:
                    self.delays.append((now - printed) * 1000)


def main() -> None:
    url, token, job = sys.argv[1:4]
    count, stuck = int(sys.argv[4]), int(sys.argv[5])
    followers = [Follower(url, token, job, number, number < stuck) for number in range(count)]
    selector = selectors.EpollSelector()
    for follower in followers[stuck:]:
        selector.register(follower.socket, selectors.EVENT_READ, follower)
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    Follower.ready = time.time()
    print("ready", flush=True)
    reading = True
    while reading:
        for key, _ in selector.select():
            if key.data is None:
                reading = False
            else:
                try:
                    key.data.receive(key.data.socket.recv(65536))
                except BlockingIOError:
                    pass
    end = time.time() + DRAIN
    while time.time() < end:
        for key, _ in selector.select(timeout=0.1):
            if key.data is not None:
                key.data.receive(key.data.socket.recv(65536))
    received = [follower.frames for follower in followers[stuck:]]
    delays = sorted(delay for follower in followers[stuck:] for delay in follower.delays or [])
    print(json.dumps({"fewest": min(received), "most": max(received), "frames": sum(received), "delays": delays}), flush=True)


if __name__ == "__main__":
    main()
