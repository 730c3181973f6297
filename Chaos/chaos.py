"""Runs many seeded rounds, several at a time, and prints a table of the results. See `python Chaos/chaos.py --help`."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import chaos_round
from faults import ALL, of_engine
from harness import frozen_binary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round")
    parser.add_argument("--seconds", type=float, default=6, help="duration of an apply's provisioner")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) + 1), help="number of rounds at a time")
    parser.add_argument("--engine", choices=("sqlite", "postgres"), default="sqlite", help="the database")
    parser.add_argument("--fault", help="use only the fault with this name, or part of a name")
    parser.add_argument("--lasts", type=float, help="duration of each fault, in seconds")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed rounds")
    options = parser.parse_args()

    only = None
    if options.fault:
        known = of_engine(ALL, options.engine)
        found = [fault for fault in known if options.fault in fault.name]
        exact = [fault for fault in found if fault.name == options.fault]
        if len(exact or found) != 1:
            parser.error(f"--fault matches {len(found)} of: " + ", ".join(fault.name for fault in known))
        only = (exact or found)[0]

    root = Path(tempfile.mkdtemp(prefix="vintner-chaos-"))
    binary = frozen_binary(root / "bin")
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [
            pool.submit(chaos_round.run, seed, root / f"round-{seed}", binary, options.seconds, only, options.lasts,
                        options.engine)
            for seed in range(options.seed, options.seed + options.rounds)]
        results = []
        for future in concurrent.futures.as_completed(futures):
            result = future.result()
            results.append(result)
            report(result)
    table(results, time.monotonic() - start)
    failed = [result for result in results if result.problem]
    if options.keep and failed:
        print(f"Folders of failed rounds: {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if failed else 0


def report(result: chaos_round.Result) -> None:
    verdict = f"FAILED  {result.problem}" if result.problem else f"{result.status}, {result.lines} lines"
    print(f"round {result.seed:4} {result.seconds:5.1f} s  {' + '.join(result.faults)}: {verdict}", flush=True)
    if result.problem and "AssertionError" not in result.problem:
        print(result.details, flush=True)


def table(results: list[chaos_round.Result], seconds: float) -> None:
    rounds = collections.Counter(name for result in results for name in result.faults)
    failures = collections.Counter(name for result in results if result.problem for name in result.faults)
    print("\n| fault | rounds | failed |\n| --- | --- | --- |")
    for fault in ALL:
        if rounds[fault.name]:
            print(f"| {fault.name} | {rounds[fault.name]} | {failures[fault.name]} |")
    statuses = collections.Counter(result.status for result in results)
    print(f"\n{len(results)} rounds in {seconds:.0f} s, {sum(result.lines for result in results)} lines compared, "
          f"{sum(bool(result.problem) for result in results)} failed; jobs ended as {dict(statuses)}")


if __name__ == "__main__":
    sys.exit(main())
