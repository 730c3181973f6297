#!/usr/bin/env python3
"""Fails if a Markdown line is longer than 100 columns, and names the file and the line.

Tables and fenced code blocks may be wider. So may a line whose first word, such as a long link, already passes
the limit: it has no place to break.

    scripts/lint-markdown.py [FILE…]    # without files: every Markdown file that git tracks or would add
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 100
FENCE = re.compile(r"[ >]*(?P<marks>`{3,}|~{3,})")
# Quote marks, then list markers or heading marks: what a line may begin with before its first word.
LEAD = re.compile(r"[ >]*(?:(?:[-*+]|\d+[.)]|#{1,6})\s+)*")


def long_lines(text: str, limit: int = LIMIT) -> Iterator[tuple[int, int]]:
    """Yields the number and the length of each line that is too long and could be broken."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        opening = FENCE.match(line)
        if fence:
            # Only a line of the same marks, at least as many, closes the block.
            marks = line.strip(" >")
            if len(marks) >= len(fence) and not marks.strip(fence[0]):
                fence = ""
            continue
        if opening:
            fence = opening["marks"]
            continue
        line = line.rstrip()
        if len(line) <= limit or line.lstrip(" >").startswith("|"):
            continue
        first_word = re.compile(r"\S+").match(line, LEAD.match(line).end())
        if first_word.end() < len(line) and first_word.end() <= limit:
            yield number, len(line)


def tracked() -> list[str]:
    """Every Markdown file of the repository, relative to its root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*.md"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def main(names: list[str]) -> int:
    failures = 0
    for name in names or sorted(tracked()):
        path = Path(name) if names else ROOT / name
        # A file that was deleted and not committed yet is still tracked.
        if not names and not path.exists():
            continue
        for number, length in long_lines(path.read_text(encoding="utf-8")):
            print(f"{name}:{number}: {length} columns; wrap at {LIMIT}", file=sys.stderr)
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
