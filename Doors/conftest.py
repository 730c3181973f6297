"""Fixtures of the latency tests: one server for all of them."""

from __future__ import annotations

from typing import Iterator

import pytest

from harness import Server
from harness.fixtures import api, job, tendril

__all__ = ["api", "job", "tendril"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("doors") / "data", "--tendrils", "0") as server:
        yield server
