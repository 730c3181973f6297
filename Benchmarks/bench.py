#!/usr/bin/env python3
"""Measures what docs/benchmarks.md describes, and prints a table. Bounded: about ten minutes.

`bench.py NAME…` runs only the parts of these names: dispatch, glass, feed, ingest, logs.
"""

import statistics
import sys

import dispatch
import followers
import glass
import ingest
import longlogs
import viewer
from server import Server

ROWS = []


def row(what, value, limit="", met=True):
    ROWS.append((what, value, limit, ("yes" if met else "NO") if limit else ""))
    print(f"  {what}: {value}", flush=True)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def delays(what, values, p50, p99):
    """Two rows: median and 99th percentile of delays in ms, with their limits (None for none)."""
    for name, share, limit in ("p50", 0.5, p50), ("p99", 0.99, p99):
        value = percentile(values, share)
        row(f"{what}, {name}", f"{value:.1f} ms ({len(values)} lines)", f"{limit} ms" if limit else "", not limit or value <= limit)


def bench_dispatch():
    with Server(tendrils=1) as server:
        waits = dispatch.run(server, server.connect(), rounds=20)
    row("dispatch p50", f"{statistics.median(waits):.0f} ms", "50 ms", statistics.median(waits) <= 50)


def bench_glass():
    for others, p50, p99 in (0, 30, 80), (99, None, None), (999, 60, 120):
        with Server(tendrils=1) as server:
            seen, clients = glass.run(server, server.connect(), lines=400, others=others)
        beside = f" beside {others} protocol clients" if others else ", 1 viewer"
        delays(f"write-to-glass{beside}", seen, p50, p99)
        if others:
            delays(f"write to one of {others} protocol clients", clients, None, None)


def bench_feed():
    with Server(tendrils=0) as server:
        api = server.connect()
        tendril = server.make_tendril(api, "bench", slots=200)
        followers.paced(server, api, tendril, 1, 0, seconds=2)  # warms up
        for count in 1, 100, 1000:
            run = followers.paced(server, api, tendril, count, 0, seconds=10)
            delays(f"append to {count} followers, 20 lines/s", run["delays"], None, None)
            if count == 1000:
                row("memory that 1000 followers add", f"{run['memory'] / 2**20:.1f} MiB", "50 MiB", run["memory"] <= 50 << 20)
                row("server's share of one core meanwhile", f"{run['share']:.2f}")
        free = followers.paced(server, api, tendril, 1000, 0, seconds=15, size=2000)
        held = followers.paced(server, api, tendril, 1000, 50, seconds=15, size=2000)
        delays("1000 followers, 2000 bytes a line", free["delays"], None, None)
        delays("the same, 50 of whom never read", held["delays"], None, None)
        row("memory that those add", f"{held['memory'] / 2**20:.1f} MiB")
        for count in 100, 1000:
            run = followers.saturated(server, api, tendril, count, seconds=5)
            row(f"deliveries to {count} followers, at most", f"{run['rate']:,.0f}/s, {run['lag']:.0f} ms late at most")


def bench_ingest():
    with Server(tendrils=0) as server:
        api = server.connect()
        tendril = server.make_tendril(api, "bench", slots=200)
        base = statistics.median(ingest.baseline(60) for _ in range(3))
        one = statistics.median(ingest.run(server, api, tendril, 1, 60) for _ in range(3))
        many = statistics.median(ingest.run(server, api, tendril, 32, 6) for _ in range(3))
    row("plain SQLite, same rows and commits", f"{base:,.0f} lines/s")
    row("ingest, 1 job", f"{one:,.0f} lines/s", "300,000 lines/s", one >= 300_000)
    row("ingest, 32 jobs", f"{many:,.0f} lines/s", "500,000 lines/s", many >= 500_000)
    row("ingest, 1 job : plain SQLite", f"{one / base:.2f}", "0.50", one >= base / 2)


LENGTHS = {"1,000": 1000, "1 M": 1_000_000, "10 M": 10_000_000}


def bench_logs():
    with Server(tendrils=0) as server, viewer.Viewer() as browser:
        api = server.connect()
        tendril = server.make_tendril(api, "bench", slots=200)
        browser.sign_in(server)
        browser.open(server, longlogs.make(server, api, tendril, 1000, "warm"))
        opened = {}
        for name, lines in LENGTHS.items():
            job = longlogs.make(server, api, tendril, lines, "long")
            opened[name], page = browser.open(server, job)
            row(f"open {name} lines, rows in view painted", f"{opened[name]:.0f} ms", "300 ms", opened[name] <= 300)
            if lines > 1000:
                jumped, line = browser.jump(page, 0.5)
                row(f"jump to line {line:,}", f"{jumped:.0f} ms")
            heap, rows = browser.heap(page)
            row(f"heap, mounted rows at {name} lines", f"{heap / 2**20:.1f} MiB, {rows}", "300 rows", rows <= 300)
            page.close()
            if lines > 1000:
                bench_search(server, job, name, lines)
        shares = opened["10 M"] / opened["1,000"]
        row("open 10 M : open 1,000", f"{shares:.2f}", "1.2", shares <= 1.2)
        frames, late, rows = viewer.flood(server, api, tendril, browser)
        row("50,000 lines/s watched live, frames p50 / p99 / longest",
            f"{percentile(frames, 0.5):.0f} / {percentile(frames, 0.99):.0f} / {frames[-1]:.0f} ms, {rows} rows")
        row("its last line after it was acknowledged", f"{late * 1000:.0f} ms")


def bench_search(server, job, name, lines):
    ratio, raw, blocks = longlogs.storage(server, job)
    row(f"storage of {name} lines ({raw / 2**20:.0f} MiB in {blocks} blocks)", f"{ratio:.4f} bytes a byte", "0.06", ratio <= 0.06)
    grep = longlogs.Grep(server, job)
    needle = longlogs.NEEDLE
    last = [longlogs.search(server, job, {"q": f"{needle} at the end"})[0] for _ in range(5)]
    first, bound = statistics.median(last) * 1000, 100 * lines / 1_000_000
    row(f"search {name} lines, first hit, which stands at the end", f"{first:.0f} ms", f"{bound:.0f} ms", first <= bound)
    for kind, query, flags in (
        ("plain text", {"q": needle, "case": 1}, ["-F", needle]),
        ("any case", {"q": needle.upper()}, ["-i", "-F", needle]),
        ("an expression", {"q": "needle .* (start|end)$", "case": 1, "regex": 1}, ["-P", "needle .* (start|end)$"]),
    ):
        runs = [longlogs.search(server, job, query) for _ in range(5)]
        theirs = [grep.seconds(*flags) for _ in range(5)]
        assert runs[0][2] == theirs[0][1] >= 2, (runs[0], theirs[0])
        whole, base = statistics.median(run[1] for run in runs), statistics.median(run[0] for run in theirs)
        row(f"search {name} lines, {kind}: whole : zstd | grep", f"{whole / base:.2f} ({whole:.2f} s)", "2", whole <= 2 * base)


PARTS = {
    "dispatch": bench_dispatch, "glass": bench_glass, "feed": bench_feed, "ingest": bench_ingest, "logs": bench_logs,
}


def main():
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
    print()
    widths = [max(len(line[column]) for line in ROWS) for column in range(4)]
    for line in [("what", "measured", "limit", "met")] + ROWS:
        print("  ".join(text.ljust(max(width, 8)) for text, width in zip(line, widths)))


if __name__ == "__main__":
    main()
