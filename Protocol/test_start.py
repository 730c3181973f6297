"""Where delivery starts, and that no row is missing between the stored and the new ones."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, Iterator

import pytest
from websockets.asyncio.client import connect

from harness import Api, Server, SimulatedJob, SimulatedTendril
from harness.realtime import V2, Connect, Socket, of_job, read


def text(number: int) -> str:
    return f"{number:08d} {'x' * 1000}\n"


class Writer:
    """Appends chunks as fast as the server accepts them, in a thread."""

    def __init__(self, job: SimulatedJob, appends: int, chunks: int) -> None:
        self.job, self.appends, self.chunks = job, appends, chunks
        self.last = 0
        self.problem: BaseException | None = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        try:
            for n in range(self.appends):
                self.last = self.job.append(*(text(n * self.chunks + i) for i in range(self.chunks)))
        except BaseException as problem:
            self.problem = problem

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.thread.join(60)
        assert self.problem is None and not self.thread.is_alive(), self.problem


@pytest.fixture(scope="module")
def large(tendril: SimulatedTendril) -> Iterator[SimulatedJob]:
    """A job with a log of about 4 MB, more than a ring buffer keeps."""
    job = tendril.start()
    with Writer(job, 20, 200):
        pass
    yield job
    job.end()


def test_without_seq_only_new_rows_are_delivered(socket: Socket, job: SimulatedJob) -> None:
    end = job.append("old\n", "older\n")
    joined = socket.joined("realtime:a", of_job(job.id))
    assert joined.echoes[0]["seq"] == end
    last = job.append("new\n", "newer\n")
    assert [row["seq"] for row in socket.rows("realtime:a", last)] == [end + 1, end + 2] == [last - 1, last]


def test_reply_seq_separates_backlog_and_live_rows(open_socket: Connect, tendril: SimulatedTendril) -> None:
    """While a writer appends, the first delivered row is the one after the reply's `seq`."""
    job = tendril.start()
    with Writer(job, 60, 20) as writer:
        starts = []
        for _ in range(5):
            socket = open_socket()
            joined = socket.joined("realtime:a", of_job(job.id))
            starts.append((socket, joined.echoes[0]["seq"]))
    for socket, end in starts:
        rows = socket.rows("realtime:a", writer.last, 60) if end < writer.last else []
        assert [row["seq"] for row in rows] == list(range(end + 1, writer.last + 1))
    assert any(0 < end < writer.last for _, end in starts), "no join happened while the writer appended"


@pytest.mark.parametrize("operator, skipped", [
    ("gt.0", 0), ("gte.1", 0), ("gt.-3", 0), ("gt.100", 100), ("gte.101", 100)])
def test_seq_resumes(socket: Socket, large: SimulatedJob, api: Api, operator: str, skipped: int) -> None:
    """The rows are read in pages, because a ring buffer keeps fewer, and equal the stored ones."""
    stored = api.rows(large.id)
    joined = socket.joined("realtime:a", of_job(large.id, f"seq={operator}"))
    assert joined.echoes[0]["seq"] == stored[-1]["seq"]
    assert socket.rows("realtime:a", stored[-1]["seq"], 60) == stored[skipped:]
    assert socket.heartbeat() == []


def test_resuming_at_the_end(socket: Socket, job: SimulatedJob) -> None:
    end = job.append("x\n")
    socket.joined("realtime:a", of_job(job.id, f"seq=gt.{end}"))
    assert socket.heartbeat() == []
    last = job.append("y\n")
    assert [row["seq"] for row in socket.rows("realtime:a", last)] == [end + 1]


def test_backlog_then_live_without_a_gap(open_socket: Connect, tendril: SimulatedTendril, api: Api, version: str) -> None:
    """A backlog of 2.6 MB, while a writer appends at full speed."""
    job = tendril.start()
    with Writer(job, 13, 200):
        pass
    with Writer(job, 60, 50) as writer:
        socket = open_socket(version=version)
        joined = socket.joined("realtime:a", of_job(job.id, "seq=gt.0"))
        assert joined.echoes[0]["seq"] >= 2600
    rows = socket.rows("realtime:a", writer.last, 60)
    assert writer.last > 5000
    assert rows == api.rows(job.id)


def test_repeated_joins(socket: Socket, tendril: SimulatedTendril, api: Api) -> None:
    """The only reader of a log joins and leaves while a writer appends; each time it continues after its last row."""
    job = tendril.start()
    rows: list[Any] = []
    with Writer(job, 150, 4) as writer:
        for _ in range(80):  # below the hundred joins that are not limited
            last = rows[-1]["seq"] if rows else 0
            socket.send_join("realtime:a", of_job(job.id, f"seq=gt.{last}"))
            socket.until(lambda m: m.event == "system")
            ref = socket.push("realtime:a", "phx_leave", {})
            seen = socket.until(lambda m: m.event == "phx_reply" and m.ref == ref)
            rows += [m.record for m in seen if m.event == "postgres_changes"]
            assert socket.next().event == "phx_close"
    last = rows[-1]["seq"]
    socket.joined("realtime:a", of_job(job.id, f"seq=gt.{last}"))
    rows += socket.rows("realtime:a", writer.last) if last < writer.last else []
    assert rows == api.rows(job.id)


@pytest.mark.slow
def test_many_clients_all_receive_everything(server: Server, tendril: SimulatedTendril) -> None:
    """Thirty clients, half of them from the first row on, while a writer appends."""
    job = tendril.start()
    with Writer(job, 3, 200):
        pass
    joined = threading.Barrier(2)

    async def follow(number: int, ready: asyncio.Queue[int]) -> tuple[int, list[int]]:
        url = f"{server.url.replace('http', 'ws')}/realtime/v1/websocket?apikey={server.token}&vsn=2.0.0"
        async with connect(url, compression=None, max_size=None, proxy=None) as connection:
            bindings = [of_job(job.id, "seq=gt.0" if number % 2 else "")]
            await connection.send(json.dumps(
                ["1", "1", "realtime:a", "phx_join", {"config": {"postgres_changes": bindings}}]))
            reply = read(await connection.recv(), V2)
            begin = 0 if number % 2 else reply.payload["response"]["postgres_changes"][0]["seq"]
            ready.put_nowait(number)
            seqs: list[int] = []
            while not seqs or seqs[-1] < last:
                message = read(await connection.recv(), V2)
                if message.event == "postgres_changes":
                    seqs.append(message.record["seq"])
            return begin, seqs

    last = job.seq() + 1000

    async def all_of_them() -> list[tuple[int, list[int]]]:
        ready: asyncio.Queue[int] = asyncio.Queue()
        tasks = [asyncio.create_task(follow(number, ready)) for number in range(30)]
        for _ in tasks:
            await ready.get()
        await asyncio.to_thread(joined.wait, 60)
        return await asyncio.wait_for(asyncio.gather(*tasks), 60)

    results: list[Any] = []
    follower = threading.Thread(target=lambda: results.extend(asyncio.run(all_of_them())), daemon=True)
    follower.start()
    joined.wait(30)
    with Writer(job, 50, 20) as writer:
        pass
    assert writer.last == last
    follower.join(60)
    assert len(results) == 30
    for begin, seqs in results:
        assert seqs == list(range(begin + 1, last + 1))
