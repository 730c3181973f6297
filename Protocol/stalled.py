"""Clients that do not read, and logs that are too much for their buffers."""

from __future__ import annotations

import base64
import json
import os
import socket

from harness import Server, SimulatedJob

MEGABYTE = 1 << 20


class NonReadingClient:
    """A WebSocket that joins a channel and then never reads again. Its receive buffer is as small as possible."""

    def __init__(self, server: Server, *bindings: object) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect((server.host, server.port))
        self.socket.sendall((
            f"GET /realtime/v1/websocket?apikey={server.token}&vsn=2.0.0 HTTP/1.1\r\n"
            f"Host: {server.host}:{server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n").encode())
        self._read_until(b"\r\n\r\n")
        join = ["1", "1", "realtime:stalled", "phx_join", {"config": {"postgres_changes": bindings}}]
        self.socket.sendall(_text_frame(json.dumps(join).encode()))
        self._read_until(b"Subscribed to PostgreSQL")

    def _read_until(self, wanted: bytes) -> None:
        seen = b""
        while wanted not in seen:
            data = self.socket.recv(1024)
            assert data, seen
            seen += data

    def close(self) -> None:
        self.socket.close()


def _text_frame(payload: bytes) -> bytes:
    """A text frame of a client. Its mask is zero, so the payload stays as it is."""
    assert 125 < len(payload) < 65536
    return bytes([0x81, 0xFE]) + len(payload).to_bytes(2, "big") + bytes(4) + payload


def append_megabytes(job: SimulatedJob, megabytes: int) -> int:
    """Appends this much in chunks of 32 KiB; returns the last `seq`."""
    text = ("x" * 1023 + "\n") * 32
    return [job.append(*[text] * 32) for _ in range(megabytes)][-1]
