"""Lists, errors and the search over logs, with many stored jobs.

The jobs are copies of one that ended, written into the database's tables while no server runs: a tenth of them failed, with
one of 2,000 causes, in 200 vines. Each has a log of 40 lines.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from pathlib import Path
from typing import Any

import requests

from harness import Server, SimulatedTendril

VINES = 200
CAUSES = 2_000
FAILED_EVERY = 10
# A job every 20 seconds.
APART = 20_000
NEEDLE = "a needle that only the oldest job printed"


def template(tendril: SimulatedTendril, vines: list[str]) -> str:
    """The id of a job that ended, of the first vine."""
    order = tendril.api.job("PLAN", vines[0], assigned_worker_id=tendril.id)
    job = tendril.claim(order["id"]).start()
    job.append_lines(f"module.app.aws_instance.web[{n}]: Refreshing state... [id=i-{n:017x}]" for n in range(38))
    job.append_lines(["Error: the quota of the region is used up", "no more"], stream="STDERR")
    job.end()
    return job.id


def fill(data: Path, job: str, vines: list[str], count: int) -> None:
    """Adds copies of `job` until there are `count`, the newest of them created now."""
    db = sqlite3.connect(data / "vintner.sqlite", isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("BEGIN")
    db.execute("CREATE TEMP TABLE n AS WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT n FROM c", (count,))
    db.execute("CREATE TEMP TABLE v (i INTEGER PRIMARY KEY, id TEXT)")
    db.executemany("INSERT INTO v VALUES (?, ?)", enumerate(vines))
    now = int(time.time() * 1000)
    id = "printf('%08x-0000-4000-8000-%012x', n.n, n.n)"
    made = f"{now} - (? - n.n) * {APART}".replace("?", str(count))
    failed = f"n.n % {FAILED_EVERY} = 0"
    vine = f"(SELECT v.id FROM v WHERE v.i = n.n % {VINES})"
    times = {name: f"{made} + {later}" for name, later in (
        ("created_at", 0), ("claimed_at", 100), ("started_at", 200), ("completed_at", 9000), ("log_time", 8000))}
    copy(db, "provision_jobs", "id", job, {
        "id": id, "vine_id": vine, "project_name": f"(SELECT project_name FROM vines WHERE id = {vine})", **times,
        "status": f"CASE WHEN {failed} THEN 'FAILED' ELSE 'SUCCESS' END", "error_message": f"CASE WHEN {failed} THEN t.error_message END"})
    copy(db, "provision_job_documents", "job_id", job, {"job_id": id})
    copy(db, "provision_job_logs", "job_id", job, {
        "id": None, "job_id": id, "created_at": made,
        "log_chunk": f"CASE WHEN n.n = 1 AND t.stream_type = 'STDOUT' THEN replace(t.log_chunk, 'Refreshing state...', '{NEEDLE}') ELSE t.log_chunk END"})
    copy(db, "provision_job_log_writers", "job_id", job, {"job_id": id})
    errors(db, id, vine, made, failed)
    db.execute("COMMIT")
    db.execute("ANALYZE")
    db.close()


def copy(db: sqlite3.Connection, table: str, key: str, job: str, others: dict[str, str | None]) -> None:
    """Copies the rows of `job` for each number, with other values in some columns; None leaves a column out."""
    columns = [row[1] for row in db.execute(f"PRAGMA table_xinfo({table})") if row[6] == 0 and others.get(row[1], "") is not None]
    values = [others.get(name, f"t.{name}") for name in columns]
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(map(str, values))} FROM n CROSS JOIN {table} AS t WHERE t.{key} = ?", (job,))


def errors(db: sqlite3.Connection, id: str, vine: str, made: str, failed: str) -> None:
    # Those of the template.
    for table in "job_errors", "error_days", "error_vines", "error_causes":
        db.execute(f"DELETE FROM {table}")
    # Some causes are frequent, and most are rare.
    number = f"CAST(({CAUSES} - 1) * pow(abs(random() % 1000000) / 1000000.0, 3) AS INTEGER)"
    db.execute(f"""INSERT INTO job_errors (job_id, fingerprint, vine_id, position, at, cause, address, file, line, log_line)
        SELECT {id}, printf('%032x', k.c), {vine}, 0, {made} + 9000, 'Cause ' || k.c || ': the quota of the region is used up',
            'module.app.aws_instance.web', 'main.tf', 7, 39
        FROM (SELECT n, {number} AS c FROM n) AS k JOIN n ON n.n = k.n WHERE {failed}""")
    first_last = "min(at) AS first_at, max(at) AS last_at"
    for table, keys in ("error_vines", "fingerprint, vine_id"), ("error_causes", "fingerprint"):
        on = " AND ".join(f"j.{key} = g.{key}" for key in keys.split(", "))
        db.execute(f"""CREATE TEMP TABLE g_{table} AS SELECT g.*,
            (SELECT job_id FROM job_errors AS j WHERE {on} AND j.at = g.first_at LIMIT 1) AS first_job,
            (SELECT job_id FROM job_errors AS j WHERE {on} AND j.at = g.last_at LIMIT 1) AS last_job
            FROM (SELECT {keys}, count(*) AS jobs, count(DISTINCT vine_id) AS vines, {first_last} FROM job_errors GROUP BY {keys}) AS g""")
    shared = "jobs, first_at, first_job, last_at, last_job"
    db.execute(f"INSERT INTO error_causes (fingerprint, vines, open_vines, {shared}) SELECT fingerprint, vines, vines, {shared} FROM g_error_causes")
    db.execute(f"INSERT INTO error_vines (fingerprint, vine_id, is_open, needs_apply, {shared}) SELECT fingerprint, vine_id, 1, 0, {shared} FROM g_error_vines")
    db.execute("INSERT INTO error_days (fingerprint, day, vine_id, jobs) SELECT fingerprint, at / 86400000, vine_id, count(*) FROM job_errors GROUP BY 1, 2, 3")


def measure(server: Server, rounds: int = 7) -> dict[str, tuple[float, str]]:
    """Median milliseconds of each call, and what it gave."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {server.token}"

    def get(path: str) -> Any:
        response = session.get(server.url + path)
        assert response.ok, response.text
        return response

    def timed(path: str) -> tuple[float, Any]:
        get(path)
        spans = []
        for _ in range(rounds):
            start = time.monotonic()
            response = get(path)
            spans.append((time.monotonic() - start) * 1000)
        return statistics.median(spans), response

    job = get("/api/jobs?status=FAILED&limit=1").json()["items"][0]
    vine, failed, project = job["vine_id"], job["id"], job["vine_title"].split(" ")[0]
    cause = get("/api/errors?limit=1").json()["items"][0]["id"]
    found: dict[str, tuple[float, str]] = {}
    for name, path in {
        "list of jobs": "/api/jobs?limit=50",
        "jobs that failed": "/api/jobs?status=FAILED&limit=50",
        "jobs of one vine": f"/api/jobs?vine_id={vine}&limit=50",
        "jobs by a part of the vine's name": f"/api/jobs?q={project}&limit=50",
        "list of vines": "/api/vines?limit=50",
        "list of errors": "/api/errors?limit=50",
        "errors of one vine": f"/api/errors?vine={vine}&limit=50",
        "errors that match a text": "/api/errors?q=cause+1999&limit=50",
        "one error": f"/api/errors/{cause}",
        "the errors of a job": f"/api/jobs/{failed}/errors",
    }.items():
        span, response = timed(path)
        body = response.json()
        found[name] = (span, f"{len(body['items'])} items" if "items" in body else f"{len(body['jobs'])} jobs")
    for name, text in ("search for what every job printed", "Refreshing+state"), ("search for what one job printed", NEEDLE.replace(" ", "+")):
        start = time.monotonic()
        response = session.get(f"{server.url}/api/search?q={text}", stream=True)
        assert response.ok, response.text
        first = None
        lines = 0
        for line in response.iter_lines():
            first = first or (time.monotonic() - start) * 1000
            lines += bool(line)
            end = line
        found[name] = ((time.monotonic() - start) * 1000, f"first answer after {first:.0f} ms, {lines} lines, last: {end.decode()[:160]}")
    return found
