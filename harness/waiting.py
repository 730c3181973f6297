"""Waiting for a signal: never for a fixed time."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T | None], what: str | Callable[[], str], limit: float = 30, pause: float = 0.05,
) -> T:
    """Polls until `condition` returns something true, and returns that. Fails after `limit` seconds, naming `what`."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(pause)
    return value
