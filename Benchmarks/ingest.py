"""Log ingest: durable lines per second from HTTP clients with prepared appends, compared with plain SQLite."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time

from harness import Api, SimulatedTendril

LINE = "x" * 99 + "\n"
CHUNK_LINES = 650  # just under 64 KiB
CHUNKS = 16  # about 1 MiB per append
APPEND_LINES = CHUNK_LINES * CHUNKS


def bodies(count: int) -> list[bytes]:
    chunk = {"stream_type": "STDOUT", "log_chunk": LINE * CHUNK_LINES,
             "times": [[CHUNK_LINES, int(time.time() * 1000)]]}
    chunks = json.dumps([chunk] * CHUNKS)
    return [f'{{"epoch": 1, "n": {n}, "chunks": {chunks}}}'.encode() for n in range(1, count + 1)]


def run(api: Api, tendril: SimulatedTendril, jobs_count: int, appends: int) -> float:
    """Lines per second, of this many appends to each of this many jobs at a time."""
    jobs = [tendril.start().id for _ in range(jobs_count)]
    ready = bodies(appends)
    barrier = threading.Barrier(jobs_count + 1)

    def write(job: str) -> None:
        connection = tendril.connect()
        barrier.wait()
        for body in ready:
            connection.send("POST", f"/api/jobs/{job}/logs", body)

    threads = [threading.Thread(target=write, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    for job in jobs:  # every line arrived once
        window = api.get(f"/api/jobs/{job}/logs/lines?from={appends * APPEND_LINES}&count=10")
        notes = window["total"] - appends * APPEND_LINES
        assert 0 < notes < 10, window["total"]
    return jobs_count * appends * APPEND_LINES / seconds


def baseline(appends: int) -> float:
    """Lines per second of one SQLite connection that inserts the same rows in the same commits."""
    with tempfile.NamedTemporaryFile(prefix="vintner-bench-") as file:
        base = sqlite3.connect(file.name, isolation_level=None)
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = FULL")
        base.execute("CREATE TABLE logs (id INTEGER PRIMARY KEY, job TEXT, epoch INTEGER, seq INTEGER, first INTEGER,"
                     " count INTEGER, stream TEXT, text TEXT, at INTEGER, UNIQUE (job, seq), UNIQUE (job, first))")
        text, seq = LINE * CHUNK_LINES, 0
        start = time.perf_counter()
        for _ in range(appends):
            base.execute("BEGIN IMMEDIATE")
            for _ in range(CHUNKS):
                seq += 1
                base.execute("INSERT INTO logs (job, epoch, seq, first, count, stream, text, at) VALUES (?,?,?,?,?,?,?,?)",
                             ("job", 1, seq, seq * CHUNK_LINES, CHUNK_LINES, "STDOUT", text, 0))
            base.execute("COMMIT")
        return appends * APPEND_LINES / (time.perf_counter() - start)
