"""Long logs: what they cost on disk, how fast they open, jump and are searched."""

import http.client
import itertools
import json
import pathlib
import random
import re
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORDED = ROOT / "Tests/TendrilTests/Capture/Fixtures/failing-apply.jsonl"
NEEDLE = "a needle in the hay"
NUMBER = re.compile(r"\d{5,}|(?<=\[)\d+(?=\])")


def recorded_lines():
    """Terraform's own output, colours included, with changing ids and numbers."""
    records = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    text = "".join(record.get("d", "") for record in records)
    lines = [line for line in text.split("\n") if line]
    pick = random.Random(7)
    while True:
        for line in lines:
            yield NUMBER.sub(lambda found: str(pick.randrange(10 ** len(found.group()))), line)


def chunks(lines, count, start):
    """`count` lines as chunks of an append, with a time a line, a few ms apart."""
    pick = random.Random(start)
    found, at = [], start
    lines = list(itertools.islice(lines, count))
    for begin in range(0, count, 400):
        part = lines[begin:begin + 400]
        times = []
        for _ in part:
            at += pick.choice((0, 0, 1, 3, 20))
            times.append([1, at])
        found.append({"stream_type": "STDOUT", "log_chunk": "".join(line + "\n" for line in part), "times": times})
    return found, at


def make(server, api, tendril, lines, name, distinct=200):
    """A finished job of so many lines, sealed; its id. After `distinct` appends they begin again, but for their times."""
    job = server.start_job(api, tendril, name)
    source, bodies, at, n, left = recorded_lines(), [], int(time.time() * 1000), 0, lines - 2
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
    tendril.post(f"/api/jobs/{job}/logs", {"epoch": 1, "n": n + 1, "chunks": tail})
    tendril.put(f"/api/jobs/{job}/status", {
        "epoch": 1, "status": "FAILED", "engine_state": "GONE", "error_message": "made for a benchmark",
        "log": {"incomplete": "made for a benchmark"}})
    wait_sealed(server, job)
    return job


def database(server):
    return sqlite3.connect(f"file:{server.data}/vintner.sqlite?mode=ro", uri=True, timeout=30)


def wait_sealed(server, job):
    for _ in range(3000):
        base = database(server)
        left = base.execute("SELECT count(*) FROM provision_job_logs WHERE job_id = ?", (job,)).fetchone()[0]
        base.close()
        if not left:
            return
        time.sleep(0.1)
    raise SystemExit("the log was not sealed within five minutes")


def storage(server, job):
    """Bytes on disk a byte of raw log: all columns and the index of its blocks, times included."""
    base = database(server)
    kept, count = base.execute(
        "SELECT sum(length(visible) + length(rest) + length(state) + length(marks) + 2 * 36 + 60), count(*)"
        " FROM provision_job_log_blocks WHERE job_id = ?", (job,)).fetchone()
    raw = base.execute("SELECT max(bytes) FROM provision_job_log_blocks WHERE job_id = ?", (job,)).fetchone()[0]
    base.close()
    return kept / raw, raw, count


def search(server, job, query):
    """Seconds until the first hit and until the end, and the number of hits."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    begin = time.perf_counter()
    connection.request("GET", f"/api/jobs/{job}/logs/search?{urllib.parse.urlencode(query)}",
                       headers={"Authorization": f"Bearer {server.token}"})
    response = connection.getresponse()
    first, last = None, b""
    for line in response:
        if first is None and b'"n"' in line:
            first = time.perf_counter() - begin
        last = line
    connection.close()
    end = json.loads(last)
    assert end["done"] and not end["capped"], end
    return first, time.perf_counter() - begin, end["total"]


class Grep:
    """The same visible text in one file, for `zstd -dc | grep`."""

    def __init__(self, server, job):
        self.file = tempfile.NamedTemporaryFile(prefix="vintner-bench-", suffix=".zst")
        host, port = server.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=300)
        connection.request("GET", f"/api/jobs/{job}/logs?format=text&ansi=0",
                           headers={"Authorization": f"Bearer {server.token}"})
        response = connection.getresponse()
        packer = subprocess.Popen(["zstd", "-q", "-6", "-f", "-o", self.file.name], stdin=subprocess.PIPE)
        self.bytes = 0
        while block := response.read(1 << 20):
            self.bytes += len(block)
            packer.stdin.write(block)
        packer.stdin.close()
        packer.wait()

    def seconds(self, *flags):
        begin = time.perf_counter()
        unpack = subprocess.Popen(["zstd", "-dc", self.file.name], stdout=subprocess.PIPE)
        found = subprocess.run(["grep", "-c", *flags], stdin=unpack.stdout, capture_output=True, text=True)
        unpack.wait()
        return time.perf_counter() - begin, int(found.stdout)


def window(server, job, line):
    """Seconds for 300 styled lines around one."""
    connection = server.connect()
    connection.get("/api/jobs?limit=1")
    begin = time.perf_counter()
    lines = connection.get(f"/api/jobs/{job}/logs/lines?from={line}&count=300&styles=1")["lines"]
    assert lines[0]["n"] == line
    return time.perf_counter() - begin
