"""Prints a job's log live, with PyPI's `realtime` client. Survives lost connections.

    pip install realtime
    VINTNER_URL=http://127.0.0.1:8080 VINTNER_TOKEN=vnt_... python follow.py JOB

Exits with 0 once the log is final and printed completely.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

from realtime import AsyncRealtimeClient

URL, TOKEN = os.environ["VINTNER_URL"].rstrip("/"), os.environ["VINTNER_TOKEN"]


async def follow(job: str) -> None:
    rows: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    client = AsyncRealtimeClient(f"{URL}/realtime/v1", TOKEN, max_retries=60)
    # If a callback raised an exception, the client would silently stop listening. So it only passes rows on.
    await client.channel(f"job:{job}").on_postgres_changes(
        "INSERT", lambda change: rows.put_nowait(change["data"]["record"]),
        table="provision_job_logs", filter=f"job_id=eq.{job},seq=gt.0").subscribe()
    last = 0
    while row := await next_row(rows, job, last):
        if row["seq"] > last:  # After a reconnect, the client requests everything again.
            last = row["seq"]
            print(row["log_chunk"], end="", flush=True)
    await client.close()


async def next_row(rows: asyncio.Queue[dict[str, Any]], job: str, last: int) -> dict[str, Any] | None:
    """Returns the next row, or None at the end of the log. Checks for the end over HTTP after a quiet second."""
    while True:
        try:
            return await asyncio.wait_for(rows.get(), timeout=1)
        except asyncio.TimeoutError:
            if await asyncio.to_thread(is_over, job, last):
                return None


def is_over(job: str, last: int) -> bool:
    """Whether the job's log is final and has no rows after `last`."""
    request = urllib.request.Request(
        f"{URL}/api/jobs/{job}/logs?after={last}&limit=1", headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            page = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code < 500:
            sys.exit(f"{error.code}: {json.load(error)['error']}")
        return False
    except (OSError, ValueError):
        return False  # The server is unreachable; try again later.
    return not page["chunks"] and page["log_state"] != "OPEN"


async def main(job: str) -> None:
    # Reports a wrong token or job at once; the client would retry silently.
    await asyncio.to_thread(is_over, job, 0)
    await follow(job)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
