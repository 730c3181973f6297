#!/usr/bin/env python3
"""Runs the benchmarks of docs/benchmarks.md and prints a table. Takes about ten minutes.

`bench.py NAME…` runs only these parts: dispatch, glass, feed, ingest, logs, changes,
tendril, manyjobs.
"""

from __future__ import annotations

import signal
import statistics
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import changes
import followers
import ingest
import longlogs
import manyjobs
import viewer
import write_to_glass
from harness import Api, Server, SimulatedTendril, binary
from harness.chromium import chromium

ROWS: list[tuple[str, str, str, str]] = []
TENDRIL_LINES = 300_000


@contextmanager
def release(tendrils: int) -> Iterator[tuple[Server, Api]]:
    """A server of the release build, and its API."""
    with tempfile.TemporaryDirectory(prefix="vintner-bench-") as folder, \
            Server(Path(folder) / "data", "--tendrils", str(tendrils), program=binary("release")) as server:
        yield server, Api(server)


def row(what: str, value: str, limit: str = "", met: bool = True) -> None:
    ROWS.append((what, value, limit, ("yes" if met else "NO") if limit else ""))
    print(f"  {what}: {value}", flush=True)


def percentile(values: list[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * share))]


def delays(what: str, values: list[float], p50: float | None = None, p99: float | None = None) -> None:
    """Two rows: median and 99th percentile of delays in ms, with their limits if they have one."""
    for name, share, limit in ("p50", 0.5, p50), ("p99", 0.99, p99):
        value = percentile(values, share)
        row(f"{what}, {name}", f"{value:.1f} ms ({len(values)} lines)", f"{limit} ms" if limit else "", not limit or value <= limit)


def bench_dispatch() -> None:
    """From the creation of a job to the start of its first engine process, on an idle Tendril."""
    with release(tendrils=1) as (server, api):
        vine = api.vine('resource "terraform_data" "x" {}')["id"]
        waits = [api.plan(vine)["execution_metadata"]["dispatch_ms"] for _ in range(20)]
    row("dispatch p50", f"{statistics.median(waits):.0f} ms", "50 ms", statistics.median(waits) <= 50)


def bench_glass() -> None:
    for others, p50, p99 in (0, 30, 80), (99, None, None), (999, 60, 120):
        with release(tendrils=1) as (server, api):
            seen, clients = write_to_glass.run(server, api, lines=400, others=others)
        load = f" with {others} other clients" if others else ", one viewer"
        delays(f"write-to-glass{load}", seen, p50, p99)
        if others:
            delays(f"write to one of {others} clients", clients)


def bench_feed() -> None:
    with release(tendrils=0) as (server, api):
        tendril = SimulatedTendril(api)
        followers.paced(server, tendril, 1, 0, seconds=2)  # warms up
        for count in 1, 100, 1000:
            run = followers.paced(server, tendril, count, 0, seconds=10)
            delays(f"append to {count} followers, 20 lines/s", run.delays)
            if count == 1000:
                row("memory added by 1000 followers", f"{run.memory / 2**20:.1f} MiB", "50 MiB", run.memory <= 50 << 20)
                row("server CPU meanwhile, of one core", f"{run.share:.2f}")
        free = followers.paced(server, tendril, 1000, 0, seconds=15, size=2000)
        held = followers.paced(server, tendril, 1000, 50, seconds=15, size=2000)
        delays("1000 followers, 2000 bytes per line", free.delays)
        delays("the same, 50 of them never read", held.delays)
        row("memory added by those", f"{held.memory / 2**20:.1f} MiB")
        for count in 100, 1000:
            rate, lag = followers.saturated(server, tendril, count, seconds=5)
            row(f"maximum deliveries to {count} followers", f"{rate:,.0f}/s, delayed by up to {lag:.0f} ms")


def bench_ingest() -> None:
    with release(tendrils=0) as (_, api):
        tendril = SimulatedTendril(api)
        base = statistics.median(ingest.baseline(60) for _ in range(3))
        one = statistics.median(ingest.run(api, tendril, 1, 60) for _ in range(3))
        many = statistics.median(ingest.run(api, tendril, 32, 6) for _ in range(3))
    row("plain SQLite, same rows and commits", f"{base:,.0f} lines/s")
    row("ingest, 1 job", f"{one:,.0f} lines/s", "300,000 lines/s", one >= 300_000)
    row("ingest, 32 jobs", f"{many:,.0f} lines/s", "500,000 lines/s", many >= 500_000)
    row("ingest, 1 job : plain SQLite", f"{one / base:.2f}", "0.50", one >= base / 2)


LENGTHS = {"1,000": 1000, "1 M": 1_000_000, "10 M": 10_000_000}


def bench_logs() -> None:
    with release(tendrils=0) as (server, api), chromium() as browser:
        tendril = SimulatedTendril(api)
        view = viewer.Viewer(browser, server)
        view.open(longlogs.make(server, tendril, 1000))  # warms up
        opened: dict[str, float] = {}
        for name, lines in LENGTHS.items():
            job = longlogs.make(server, tendril, lines)
            opened[name], page = view.open(job)
            row(f"open {name} lines, rows in view painted", f"{opened[name]:.0f} ms", "300 ms", opened[name] <= 300)
            if lines > 1000:
                jumped, line = view.jump(page, 0.5)
                row(f"jump to line {line:,}", f"{jumped:.0f} ms")
            heap, rows = view.heap(page)
            row(f"heap, mounted rows at {name} lines", f"{heap / 2**20:.1f} MiB, {rows}", "300 rows", rows <= 300)
            page.close()
            if lines > 1000:
                bench_search(server, job, name, lines)
        shares = opened["10 M"] / opened["1,000"]
        row("open 10 M : open 1,000", f"{shares:.2f}", "1.2", shares <= 1.2)
        frames, late, rows = viewer.flood(api, tendril, view)
        row("50,000 lines/s watched live, frames p50 / p99 / max",
            f"{percentile(frames, 0.5):.0f} / {percentile(frames, 0.99):.0f} / {frames[-1]:.0f} ms, {rows} rows")
        row("delay of its last line after the acknowledgment", f"{late * 1000:.0f} ms")


def bench_search(server: Server, job: str, name: str, lines: int) -> None:
    ratio, raw, blocks = longlogs.storage(server, job)
    row(f"storage of {name} lines ({raw / 2**20:.0f} MiB in {blocks} blocks)", f"{ratio:.4f} bytes per byte", "0.06", ratio <= 0.06)
    grep = longlogs.Grep(server, job)
    needle = longlogs.NEEDLE
    last = [longlogs.search(server, job, {"q": f"{needle} at the end"})[0] for _ in range(5)]
    first, bound = statistics.median(last) * 1000, 100 * lines / 1_000_000
    row(f"search {name} lines, first hit, at the end", f"{first:.0f} ms", f"{bound:.0f} ms", first <= bound)
    for kind, query, flags in (
        ("plain text", {"q": needle, "case": 1}, ["-F", needle]),
        ("case-insensitive", {"q": needle.upper()}, ["-i", "-F", needle]),
        ("regular expression", {"q": "needle .* (start|end)$", "case": 1, "regex": 1}, ["-P", "needle .* (start|end)$"]),
    ):
        runs = [longlogs.search(server, job, query) for _ in range(5)]
        theirs = [grep.seconds(*flags) for _ in range(5)]
        assert runs[0][2] == theirs[0][1] >= 2, (runs[0], theirs[0])
        whole, base = statistics.median(run[1] for run in runs), statistics.median(run[0] for run in theirs)
        row(f"search {name} lines, {kind}: whole : zstd | grep", f"{whole / base:.2f} ({whole:.2f} s)", "2", whole <= 2 * base)


def bench_changes() -> None:
    with release(tendrils=0) as (server, api), chromium() as browser:
        tendril = SimulatedTendril(api)
        view = viewer.Viewer(browser, server)
        changes.opening(view, changes.make(tendril, 10))  # warms up
        for count in 10, 500, 5000:
            before = changes.stored(server)
            job = changes.make(tendril, count)
            added = changes.stored(server) - before
            opened, mounted = changes.opening(view, job)
            row(f"open the changes of {count:,} resources", f"{opened:.0f} ms, {mounted} in the document", "300 ms", opened <= 300)
            if count == 5000:
                row("storage of 5,000 changes with 6 attributes each", f"{added / count:.0f} bytes per resource")


def bench_tendril() -> None:
    """The Tendril's CPU time for each line that a provisioner prints: capture, masking, shipping, resources and errors."""
    with release(tendrils=1) as (server, api):
        for count in 10_000, TENDRIL_LINES:  # the first one warms up
            command = f"seq -f 'line %.0f of a provisioner with some more text' {count}"
            vine = api.vine(f'resource "terraform_data" "x" {{\n  provisioner "local-exec" {{ command = "{command}" }}\n}}\n')["id"]
            plan = api.plan(vine)["id"]
            before = server.processor_seconds("tendril")
            api.wait(api.post(f"/api/jobs/{plan}/apply", {})["id"], "SUCCESS", log=True, limit=300)
            spent = server.processor_seconds("tendril") - before
    row("Tendril, CPU per line of a provisioner", f"{spent / TENDRIL_LINES * 1e6:.1f} µs ({TENDRIL_LINES:,} lines)")


def bench_manyjobs() -> None:
    for count in 1_000, 1_000_000:
        with tempfile.TemporaryDirectory(prefix="vintner-bench-") as folder:
            server = Server(Path(folder) / "data", "--tendrils", "0", program=binary("release"))
            try:
                api = Api(server)
                vines = [api.vine()["id"] for _ in range(manyjobs.VINES)]
                job = manyjobs.template(SimulatedTendril(api), vines)
                server.stop()
                manyjobs.fill(server.data, job, vines, count)
                server.start()
                for what, (span, found) in manyjobs.measure(server).items():
                    row(f"{what}, {count:,} jobs", f"{span:.1f} ms ({found})")
            finally:
                server.stop()


PARTS = {
    "dispatch": bench_dispatch, "glass": bench_glass, "feed": bench_feed, "ingest": bench_ingest, "logs": bench_logs,
    "changes": bench_changes, "tendril": bench_tendril, "manyjobs": bench_manyjobs,
}


def main() -> None:
    # So that the servers are stopped then as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
    print()
    widths = [max(len(line[column]) for line in ROWS) for column in range(4)]
    for line in [("what", "measured", "limit", "met")] + ROWS:
        print("  ".join(text.ljust(max(width, 8)) for text, width in zip(line, widths)))


if __name__ == "__main__":
    main()
