"""A reader that does not read costs the server nothing, and others neither."""

from __future__ import annotations

import base64
import json
import os
import socket as plain
import threading
from typing import Callable, Iterator

import pytest

from frames import Socket, of_job
from server import Api, Job, Server, Tendril

MEGABYTE = 1 << 20


class Deaf:
    """A WebSocket that joins a channel, and then never reads again; its receive buffer is as small as can be."""

    def __init__(self, server: Server, *bindings: object) -> None:
        self.socket = plain.socket()
        self.socket.setsockopt(plain.SOL_SOCKET, plain.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect((server.host, server.port))
        self.socket.sendall((
            f"GET /realtime/v1/websocket?apikey={server.token}&vsn=2.0.0 HTTP/1.1\r\n"
            f"Host: {server.host}:{server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n").encode())
        self.read_until(b"\r\n\r\n")
        join = ["1", "1", "realtime:deaf", "phx_join", {"config": {"postgres_changes": bindings}}]
        self.socket.sendall(masked(json.dumps(join).encode()))
        self.read_until(b"Subscribed to PostgreSQL")

    def read_until(self, wanted: bytes) -> bytes:
        seen = b""
        while wanted not in seen:
            data = self.socket.recv(1024)
            assert data, seen
            seen += data
        return seen

    def close(self) -> None:
        self.socket.close()


def masked(payload: bytes) -> bytes:
    """A text frame of a client; a mask of zeros changes nothing."""
    assert 125 < len(payload) < 65536
    return bytes([0x81, 0xFE]) + len(payload).to_bytes(2, "big") + bytes(4) + payload


@pytest.fixture(scope="module")
def server(make_server: Callable[..., Server]) -> Server:
    """A new one: memory that other tests let go of would hide what these cost."""
    return make_server("--tendrils", "0")


@pytest.fixture
def tendril(server: Server) -> Tendril:
    return Tendril(Api(server))


@pytest.fixture
def deaf(server: Server) -> Iterator[Callable[..., Deaf]]:
    made: list[Deaf] = []

    def make(*bindings: object) -> Deaf:
        made.append(Deaf(server, *bindings))
        return made[-1]

    yield make
    for item in made:
        item.close()


class Memory:
    """The server's memory while something happens: how much more it was at most than in the beginning."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.begin = self.peak = server.memory()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            self.peak = max(self.peak, self.server.memory())

    def __enter__(self) -> Memory:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join(5)

    @property
    def growth(self) -> int:
        return self.peak - self.begin


def write(job: Job, megabytes: int) -> int:
    """Appends so many MB in chunks of 32 KiB; answers the last `seq`."""
    text = ("x" * 1023 + "\n") * 32
    return [job.append(*[text] * 32) for _ in range(megabytes)][-1]


@pytest.mark.slow
def test_deaf_readers_beside_one_that_reads(
    deaf: Callable[..., Deaf], socket: Socket, server: Server, tendril: Tendril
) -> None:
    """Ten that never read beside one that does, while 24 MB are written."""
    job = tendril.start()
    write(job, 2)
    stuck = [deaf(of_job(job.id, "seq=gt.0" if number % 2 else "")) for number in range(10)]
    joined = socket.joined("realtime:a", of_job(job.id, "seq=gt.0"))
    rows: list[int] = []
    sizes: list[int] = []

    def read() -> None:
        while not rows or rows[-1] < last:
            message = socket.next(30)
            rows.append(message.record["seq"])
            sizes.append(len(message.record["log_chunk"]))

    last = joined.echoes[0]["seq"] + 24 * 32
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with Memory(server) as memory:
        assert write(job, 24) == last
        reader.join(60)
    assert rows == list(range(1, last + 1))
    assert sum(sizes) >= 26 * MEGABYTE
    assert memory.growth < 60 * MEGABYTE, f"{memory.growth / MEGABYTE:.0f} MB more"
    # They are connected still, and have what the system's buffers hold.
    assert all(item.socket.recv(1024) for item in stuck)
