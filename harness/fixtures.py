"""Fixtures that build on a suite's own `server` fixture. A conftest.py imports the ones that it needs."""

from __future__ import annotations

from typing import Iterator

import pytest

from harness.api import Api, HasAddress
from harness.tendril import SimulatedJob, SimulatedTendril


@pytest.fixture(scope="session")
def api(server: HasAddress) -> Api:
    return Api(server)


@pytest.fixture(scope="session")
def tendril(api: Api) -> SimulatedTendril:
    return SimulatedTendril(api)


@pytest.fixture
def job(tendril: SimulatedTendril) -> Iterator[SimulatedJob]:
    """A PROCESSING job."""
    job = tendril.start()
    yield job
    job.end()
