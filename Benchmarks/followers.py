"""The feed with many followers: their delays, the memory they need, and the maximum rate of deliveries."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients import DRAIN
from harness import Server, SimulatedTendril

HERE = Path(__file__).resolve().parent


class Followers:
    """Followers of one job, in a separate process. `stuck` of them never read."""

    def __init__(self, server: Server, job: str, count: int, stuck: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "clients.py"), server.url, server.token, job, str(count), str(stuck)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._read()
        assert line == "ready\n", line

    def result(self) -> Any:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.close()
        line = self._read()
        self.process.wait(30)
        assert self.process.returncode == 0, "a follower lost its connection"
        return json.loads(line)

    def _read(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()


class Writer:
    """Appends one line at a time to the job of a simulated Tendril."""

    def __init__(self, tendril: SimulatedTendril, name: str) -> None:
        self.connection = tendril.connect()
        self.job = tendril.start(project=f"{name}-{time.time_ns()}").id
        self.number = 0

    def write(self, size: int = 100) -> None:
        self.number += 1
        text = f"stamp={time.time():.6f} ".ljust(size - 1, "x") + "\n"
        chunk = {"stream_type": "STDOUT", "log_chunk": text, "times": [[1, int(time.time() * 1000)]]}
        self.connection.send("POST", f"/api/jobs/{self.job}/logs", {"epoch": 1, "n": self.number, "chunks": [chunk]})


@dataclass
class Paced:
    """Delays in ms, bytes of memory that the followers added, and the server's share of one core."""

    delays: list[float]
    memory: int
    share: float


def paced(
    server: Server, tendril: SimulatedTendril, count: int, stuck: int, seconds: int, rate: int = 20, size: int = 100,
) -> Paced:
    """Appends one line at a time, at this rate, for `count` followers."""
    writer = Writer(tendril, f"paced-{count}")
    before = server.memory()
    followers = Followers(server, writer.job, count, stuck)
    busy, start = server.processor_seconds(), time.time()
    for number in range(seconds * rate):
        pause = start + number / rate - time.time()
        if pause > 0:
            time.sleep(pause)
        writer.write(size=size)
    share = (server.processor_seconds() - busy) / (time.time() - start)
    time.sleep(0.5)
    added = server.memory() - before
    result = followers.result()
    assert result["fewest"] == result["most"] == writer.number, (result["fewest"], result["most"], writer.number)
    return Paced(result["delays"], added, share)


def saturated(server: Server, tendril: SimulatedTendril, count: int, seconds: float, size: int = 100) -> tuple[float, float]:
    """Appends lines as fast as they are acknowledged, and every follower receives all of them. Returns the deliveries
    per second and the longest delay in ms."""
    writer = Writer(tendril, f"saturated-{count}")
    followers = Followers(server, writer.job, count)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            writer.write(size=size)

    thread = threading.Thread(target=write)
    start = time.time()
    thread.start()
    time.sleep(seconds)
    stop.set()
    thread.join()
    elapsed = time.time() - start
    result = followers.result()
    assert result["fewest"] == result["most"] == writer.number, (result["fewest"], result["most"], writer.number)
    # The time in which the followers receive the rest counts as well.
    return result["frames"] / (elapsed + DRAIN), max(result["delays"])
