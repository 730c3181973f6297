#!/usr/bin/env python3
"""A crowd of followers of one job, in a process of its own: bare sockets, so that the crowd costs little beside the server.

Usage: crowd.py URL TOKEN JOB FOLLOWERS STUCK. Joins all of them (STUCK of them never read after that), prints "ready",
reads until a line comes on standard input, then prints what was seen as one line of JSON.
"""

import base64
import json
import os
import selectors
import socket
import sys
import time

DRAIN = 0.5  # seconds for what is on its way when the end is asked for
SAMPLE = 20  # every so manieth follower notes how late each line was


class Follower:
    ready = float("inf")

    def __init__(self, url, token, job, number, is_stuck):
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.socket()
        if is_stuck:  # so that what it does not read stays on the server's side
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
        self.say(["1", "1", f"realtime:job:{job}", "phx_join", {"config": {"postgres_changes": [binding]}}])
        self.frames = -2  # the reply and "Subscribed" are no rows
        self.delays = [] if number % SAMPLE == 0 else None
        while self.frames < 0:
            self.take(self.socket.recv(65536))
        self.socket.setblocking(False)

    def say(self, message):
        text = json.dumps(message).encode()
        mask = os.urandom(4)
        head = bytes([0x81]) + (bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0xFE]) + len(text).to_bytes(2, "big"))
        self.socket.sendall(head + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(text)))

    def take(self, data):
        """Counts text frames; answers pings."""
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
                    self.note(data[start:start + size], now)
            elif data[at] == 0x89:
                self.socket.send(bytes([0x8A, 0x80, 0, 0, 0, 0]))
            at = start + size
        self.rest = data[at:]

    def note(self, frame, now):
        for part in frame.split(b"stamp=")[1:]:
            if part[:1].isdigit():
                printed = float(part[:17])
                # What was printed while the crowd was still joining waited for it, not for the server.
                if printed > Follower.ready:
                    self.delays.append((now - printed) * 1000)


def main():
    url, token, job, count, stuck = sys.argv[1:4] + [int(text) for text in sys.argv[4:6]]
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
                    key.data.take(key.data.socket.recv(65536))
                except BlockingIOError:
                    pass
    end = time.time() + DRAIN
    while time.time() < end:
        for key, _ in selector.select(timeout=0.1):
            if key.data is not None:
                key.data.take(key.data.socket.recv(65536))
    seen = [follower.frames for follower in followers[stuck:]]
    delays = sorted(delay for follower in followers[stuck:] for delay in follower.delays or [])
    print(json.dumps({"fewest": min(seen), "most": max(seen), "frames": sum(seen), "delays": delays}), flush=True)


if __name__ == "__main__":
    main()
