"""Long logs: how they are made, their size on disk, and the speed of searches."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import re
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse
from typing import Any, Iterator

from harness import ROOT, Server, SimulatedTendril, wait_until

RECORDED = ROOT / "Tests/TendrilTests/Capture/Fixtures/failing-apply.jsonl"
NEEDLE = "a needle in the hay"
NUMBER = re.compile(r"\d{5,}|(?<=\[)\d+(?=\])")


def recorded_lines() -> Iterator[str]:
    """Terraform's own output, with colors, and with changing IDs and numbers."""
    records = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    text = "".join(record.get("d", "") for record in records)
    lines = [line for line in text.split("\n") if line]
    pick = random.Random(7)
    while True:
        for line in lines:
            yield NUMBER.sub(lambda found: str(pick.randrange(10 ** len(found.group()))), line)


def chunks(lines: Iterator[str], count: int, start: int) -> tuple[list[dict[str, Any]], int]:
    """`count` lines as chunks of an append, with a time per line, a few ms apart; and the last time."""
    pick = random.Random(start)
    found, at = [], start
    taken = list(itertools.islice(lines, count))
    for begin in range(0, count, 400):
        part = taken[begin:begin + 400]
        times: list[list[int]] = []
        for _ in part:
            at += pick.choice((0, 0, 1, 3, 20))
            times.append([1, at])
        found.append({"stream_type": "STDOUT", "log_chunk": "".join(line + "\n" for line in part), "times": times})
    return found, at


def make(server: Server, tendril: SimulatedTendril, lines: int, distinct: int = 200) -> str:
    """Makes a finished, compacted log of this many lines, which repeats its content after `distinct` appends; returns
    the job's ID."""
    simulated = tendril.start()
    job, bodies = simulated.id, list[str]()
    source, at, n, left = recorded_lines(), int(time.time() * 1000), 0, lines - 2
    size = 8000
    while left > 0:
        n += 1
        count = min(size, left)
        left -= count
        if count < size or len(bodies) < distinct:
            part, at = chunks(source, count, at)
            if n == 1:
                part[0]["log_chunk"] = NEEDLE + " near the start\n" + part[0]["log_chunk"].split("\n", 1)[1]
            bodies.append(json.dumps(part))
        body = bodies[-1] if count < size else bodies[(n - 1) % len(bodies)]
        tendril.send("POST", f"/api/jobs/{job}/logs", f'{{"epoch": 1, "n": {n}, "chunks": {body}}}'.encode())
    tail = [{"stream_type": "STDOUT", "log_chunk": NEEDLE + " at the end\n"}]
    tendril.send("POST", f"/api/jobs/{job}/logs", {"epoch": 1, "n": n + 1, "chunks": tail})
    simulated.report(status="FAILED", engine_state="GONE", error_message="This log was made for a benchmark.",
                     log={"incomplete": "made for a benchmark"})
    wait_until(lambda: uncompacted_rows(server, job) == 0, "the log was compacted", 300, pause=0.1)
    return job


def database(server: Server) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{server.data}/vintner.sqlite?mode=ro", uri=True, timeout=30)


def uncompacted_rows(server: Server, job: str) -> int:
    base = database(server)
    count = base.execute("SELECT count(*) FROM provision_job_logs WHERE job_id = ?", (job,)).fetchone()[0]
    base.close()
    return count


def storage(server: Server, job: str) -> tuple[float, int, int]:
    """Bytes on disk per byte of raw log (all columns of its blocks, and their index), raw bytes, and blocks."""
    base = database(server)
    kept, count = base.execute(
        "SELECT sum(length(visible) + length(rest) + length(state) + length(marks) + 2 * 36 + 60), count(*)"
        " FROM provision_job_log_blocks WHERE job_id = ?", (job,)).fetchone()
    raw = base.execute("SELECT max(bytes) FROM provision_job_log_blocks WHERE job_id = ?", (job,)).fetchone()[0]
    base.close()
    return kept / raw, raw, count


def search(server: Server, job: str, query: dict[str, Any]) -> tuple[float, float, int]:
    """Seconds until the first hit and until the end, and the number of hits."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=120)
    begin = time.perf_counter()
    connection.request("GET", f"/api/jobs/{job}/logs/search?{urllib.parse.urlencode(query)}",
                       headers={"Authorization": f"Bearer {server.token}"})
    response = connection.getresponse()
    first, last = 0.0, b""
    for line in response:
        if not first and b'"n"' in line:
            first = time.perf_counter() - begin
        last = line
    connection.close()
    end = json.loads(last)
    assert end["done"] and not end["capped"], end
    return first, time.perf_counter() - begin, end["total"]


class Grep:
    """`zstd -dc | grep` over the same visible text in one file."""

    def __init__(self, server: Server, job: str) -> None:
        self.file = tempfile.NamedTemporaryFile(prefix="vintner-bench-", suffix=".zst")
        connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
        connection.request("GET", f"/api/jobs/{job}/logs?format=text&ansi=0",
                           headers={"Authorization": f"Bearer {server.token}"})
        response = connection.getresponse()
        packer = subprocess.Popen(["zstd", "-q", "-6", "-f", "-o", self.file.name], stdin=subprocess.PIPE)
        assert packer.stdin
        while block := response.read(1 << 20):
            packer.stdin.write(block)
        packer.stdin.close()
        packer.wait()

    def seconds(self, *flags: str) -> tuple[float, int]:
        """Seconds, and the number of matching lines."""
        begin = time.perf_counter()
        unpack = subprocess.Popen(["zstd", "-dc", self.file.name], stdout=subprocess.PIPE)
        found = subprocess.run(["grep", "-c", *flags], stdin=unpack.stdout, capture_output=True, text=True)
        unpack.wait()
        return time.perf_counter() - begin, int(found.stdout)
