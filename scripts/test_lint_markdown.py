"""Tests of lint-markdown.py."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent / "lint-markdown.py"
_spec = importlib.util.spec_from_file_location("lint_markdown", SCRIPT)
assert _spec and _spec.loader
lint = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(lint)

LONG = "word " * 20 + "end"
LINK = "[x](https://example.com/" + "a" * 100 + ")"


@pytest.mark.parametrize("text, lines", [
    ("a" * 48 + " " + "b" * 51, []),
    ("a" * 48 + " " + "b" * 52, [1]),
    ("short\n\n" + LONG, [3]),
    ("- item\n  " + LONG, [2]),
    ("> quoted " + LONG, [1]),
    ("# " + LONG, [1]),
    ("| a | " + LONG + " |", []),
    ("> | a | " + LONG + " |", []),
    ("```sh\n" + LONG + "\n```\n" + LONG, [4]),
    ("~~~\n```\n" + LONG + "\n~~~\n" + LONG, [5]),
    ("````\n```\n" + LONG + "\n````\n" + LONG, [5]),
    ("- x\n\n  ```\n  " + LONG + "\n  ```", []),
    (LINK, []),
    ("* " + LINK, []),
    ("1. " + LINK + ", and more", []),
    ("see " + LINK, [1]),
    ("short" + " " * 120, []),
])
def test_lines(text: str, lines: list[int]) -> None:
    assert [number for number, _ in lint.long_lines(text)] == lines


def test_a_failure_names_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("short\n" + LONG + "\n")
    run = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True)
    assert run.returncode == 1
    assert f"{path}:2: 103 columns" in run.stderr
    path.write_text("short\n")
    assert subprocess.run([sys.executable, SCRIPT, path]).returncode == 0
