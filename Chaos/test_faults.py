"""The short version of `make chaos`: each fault once, alone, at a time that its seed determines."""

from __future__ import annotations

from pathlib import Path

import chaos_round
import pytest
from faults import ALL, of_engine
from harness import frozen_binary

#: On PostgreSQL, what is about it, and what meets two nodes.
SHARED = {"kill -9 Trellis", "network down", "cancel", "kill -9 the Tendril"}
ROUNDS = [
    (fault, engine) for engine in ("sqlite", "postgres") for fault in of_engine(ALL, engine)
    if not fault.is_slow and (engine == "sqlite" or fault.engine or fault.name in SHARED)]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return frozen_binary(tmp_path_factory.mktemp("bin"))

# Often ends with a log that is INCOMPLETE: what is stored differs from what the engine wrote. The cause is not known.
OPEN = ("postgres", "cancel")


@pytest.mark.parametrize("number", range(len(ROUNDS)), ids=[f"{engine}: {fault.name}" for fault, engine in ROUNDS])
def test_log_is_complete_and_state_is_correct(
    number: int, program: Path, tmp_path: Path, request: pytest.FixtureRequest,
) -> None:
    fault, engine = ROUNDS[number]
    if (engine, fault.name) == OPEN:
        request.applymarker(pytest.mark.xfail(reason="an open defect: see docs/reliability.md", strict=False))
    result = chaos_round.run(1000 + number, tmp_path / "system", program, 2, fault, engine=engine)
    assert not result.problem, result.details
    if result.status.startswith("skipped"):
        pytest.skip(result.status)
