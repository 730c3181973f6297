"""A provisioner that prints numbered lines, through Terraform and to the engine's stderr, and records their numbers:
`provisioner.py FOLDER SEED SECONDS SECRET`. Both streams contain input that breaks log processing."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

PIECES = ["", "ä", "漢字 und mehr", "\x1b[31mred\x1b[0m", "🍇" * 20, "x" * 400]


def main() -> None:
    folder, seed, seconds, secret = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    random_source = random.Random(seed)
    # Terraform reads this process' output line by line and prints it on its stdout. Its stderr is a file.
    engine = open(f"/proc/{os.getppid()}/fd/2", "ab", buffering=0)
    with open(folder / "starts", "a") as starts:
        starts.write(f"{os.getpid()}\n")
    end = time.monotonic() + seconds
    number = 0
    with open(folder / "printed", "a", buffering=1) as printed:
        while time.monotonic() < end:
            for _ in range(random_source.choice([1, 1, 1, 5, 40])):
                number += 1
                text = random_source.choice(PIECES + [secret])
                printed.write(f"{number}\n")
                print(f"out {number} {text}", flush=True)
                line = f"err {number} {text}\n".encode()
                # Sometimes written in two parts, so that lines, characters and secrets are cut anywhere.
                cut = random_source.randrange(len(line)) if random_source.random() < 0.3 else 0
                try:
                    if cut:
                        engine.write(line[:cut])
                        time.sleep(random_source.choice([0, 0.002]))
                    engine.write(line[cut:])
                except OSError:
                    # The disk is full, and the line was never written.
                    pass
            time.sleep(random_source.choice([0, 0.01, 0.05, 0.2]))


main()
