"""Tests of run-tests.sh."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "run-tests.sh"


def test_a_failing_suite_does_not_stop_the_others() -> None:
    # Unknown suites fail at once.
    run = subprocess.run([SCRIPT, "first", "second"], capture_output=True, text=True)
    assert run.returncode == 1
    assert [line.split()[:2] for line in run.stdout.splitlines()[-2:]] == [["first", "FAILED"], ["second", "FAILED"]]
