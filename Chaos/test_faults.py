"""The short version of `make chaos`: each fault once, alone, at a time that its seed determines."""

from __future__ import annotations

from pathlib import Path

import chaos_round
import pytest
from faults import ALL
from harness import frozen_binary

FAULTS = [fault for fault in ALL if not fault.is_slow]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return frozen_binary(tmp_path_factory.mktemp("bin"))


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[fault.name for fault in FAULTS])
def test_log_is_complete_and_state_is_correct(number: int, program: Path, tmp_path: Path) -> None:
    result = chaos_round.run(1000 + number, tmp_path / "system", program, 2, FAULTS[number])
    assert not result.problem, result.details
    if result.status.startswith("skipped"):
        pytest.skip(result.status)
