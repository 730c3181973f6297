#!/usr/bin/env python3
"""Measures what docs/benchmarks.md describes, and prints a table. Bounded: about three minutes."""

import statistics

import dispatch
import glass
import ingest
from server import Server

ROWS = []


def row(what, value, limit, met):
    ROWS.append((what, value, limit, "yes" if met else "NO"))
    print(f"  {what}: {value}", flush=True)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def main():
    with Server(tendrils=1) as server:
        api = server.connect()
        waits = dispatch.run(server, api, rounds=20)
        row("dispatch p50", f"{statistics.median(waits):.0f} ms", "50 ms", statistics.median(waits) <= 50)
        delays = glass.run(server, api, lines=400)
        p50, p99 = statistics.median(delays), percentile(delays, 0.99)
        row("write-to-glass p50, 1 viewer", f"{p50:.1f} ms ({len(delays)} lines)", "30 ms", p50 <= 30)
        row("write-to-glass p99, 1 viewer", f"{p99:.1f} ms", "80 ms", p99 <= 80)
    with Server(tendrils=0) as server:
        api = server.connect()
        tendril = server.make_tendril(api, "bench", slots=200)
        base = statistics.median(ingest.baseline(60) for _ in range(3))
        one = statistics.median(ingest.run(server, api, tendril, 1, 60) for _ in range(3))
        many = statistics.median(ingest.run(server, api, tendril, 32, 6) for _ in range(3))
        row("plain SQLite, same rows and commits", f"{base:,.0f} lines/s", "", True)
        row("ingest, 1 job", f"{one:,.0f} lines/s", "300,000 lines/s", one >= 300_000)
        row("ingest, 32 jobs", f"{many:,.0f} lines/s", "500,000 lines/s", many >= 500_000)
        row("ingest, 1 job : plain SQLite", f"{one / base:.2f}", "0.50", one >= base / 2)
    print()
    widths = [max(len(line[column]) for line in ROWS) for column in range(4)]
    for line in [("what", "measured", "limit", "met")] + ROWS:
        print("  ".join(text.ljust(max(width, 8)) for text, width in zip(line, widths)))


if __name__ == "__main__":
    main()
