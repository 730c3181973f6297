"""A provisioner that prints numbered lines through Terraform, others to the engine's own stderr, and writes down what it
printed: `talker.py FOLDER SEED SECONDS SECRET`. Both streams carry what logs break on."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

PIECES = ["", "ä", "漢字 und mehr", "\x1b[31mred\x1b[0m", "🍇" * 20, "x" * 400]


def main() -> None:
    folder, seed, seconds, secret = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    dice = random.Random(seed)
    # Terraform reads our output line by line and prints it on its stdout; its stderr is a file that can be opened.
    engine = open(f"/proc/{os.getppid()}/fd/2", "ab", buffering=0)
    with open(folder / "begun", "a") as begun:
        begun.write(f"{os.getpid()}\n")
    end = time.monotonic() + seconds
    number = 0
    with open(folder / "spoken", "a", buffering=1) as spoken:
        while time.monotonic() < end:
            for _ in range(dice.choice([1, 1, 1, 5, 40])):
                number += 1
                text = dice.choice(PIECES + [secret])
                spoken.write(f"{number}\n")
                print(f"out {number} {text}", flush=True)
                line = f"err {number} {text}\n".encode()
                # Written in two pieces at times, so that lines, characters and secrets are cut anywhere.
                cut = dice.randrange(len(line)) if dice.random() < 0.3 else 0
                try:
                    if cut:
                        engine.write(line[:cut])
                        time.sleep(dice.choice([0, 0.002]))
                    engine.write(line[cut:])
                except OSError:
                    # The disk is full: what does not stand in the file was never written.
                    pass
            time.sleep(dice.choice([0, 0.01, 0.05, 0.2]))
    (folder / "done").touch()


main()
