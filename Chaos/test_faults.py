"""The short version: each fault once, alone, at a moment that its seed decides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import round as chaos_round
from faults import ALL, Fault
from world import frozen_binary


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return frozen_binary(tmp_path_factory.mktemp("bin"))


@pytest.mark.parametrize("number, fault", enumerate(fault for fault in ALL if not fault.is_slow), ids=lambda value: getattr(value, "name", ""))
def test_the_log_is_whole_and_the_state_right(number: int, fault: Fault, binary: Path, tmp_path: Path) -> None:
    result = chaos_round.run(1000 + number, tmp_path / "world", binary, 2, fault)
    assert not result.problem, result.details
    if "left out" in result.status:
        pytest.skip(result.status)
