"""A stalled reader costs nothing, and does not affect others."""

from __future__ import annotations

import threading
from typing import Callable, Iterator

import pytest

from harness import Api, Server, SimulatedTendril
from harness.realtime import Socket, of_job
from stalled import MEGABYTE, NonReadingClient, append_megabytes


@pytest.fixture(scope="module")
def server(make_server: Callable[..., Server]) -> Server:
    """A new one: memory that other tests released would hide what these tests cost."""
    return make_server("--tendrils", "0")


@pytest.fixture
def tendril(server: Server) -> SimulatedTendril:
    return SimulatedTendril(Api(server))


@pytest.fixture
def stalled(server: Server) -> Iterator[Callable[..., NonReadingClient]]:
    made: list[NonReadingClient] = []

    def make(*bindings: object) -> NonReadingClient:
        made.append(NonReadingClient(server, *bindings))
        return made[-1]

    yield make
    for item in made:
        item.close()


class Memory:
    """Measures the server's memory: how far it grows while something happens."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.start = self.peak = server.memory()
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
        return self.peak - self.start


@pytest.mark.slow
def test_stalled_readers_do_not_slow_others(
    stalled: Callable[..., NonReadingClient], socket: Socket, server: Server, tendril: SimulatedTendril
) -> None:
    """Ten that never read and one that does, while 24 MB are written."""
    job = tendril.start()
    append_megabytes(job, 2)
    stuck = [stalled(of_job(job.id, "seq=gt.0" if number % 2 else "")) for number in range(10)]
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
        assert append_megabytes(job, 24) == last
        reader.join(60)
    assert rows == list(range(1, last + 1))
    assert sum(sizes) >= 26 * MEGABYTE
    assert memory.growth < 60 * MEGABYTE, f"{memory.growth / MEGABYTE:.0f} MB more"
    # They are still connected, and the system's buffers are full for them.
    assert all(item.socket.recv(1024) for item in stuck)
