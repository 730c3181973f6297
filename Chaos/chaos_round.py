"""One seeded round: a plan, then its apply with faults at random times, then the checks."""

from __future__ import annotations

import random
import shutil
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import checks
from faults import FATAL, HARMLESS, RARE, Fault, Moment, of_engine, play
from harness import wait_until
from system import NoDisk, TestSystem

#: How long a job may take after its last fault: several times the longest pause between two retries.
LIMIT = 90.0


@dataclass
class Result:
    seed: int
    faults: list[str]
    status: str = ""
    lines: int = 0
    seconds: float = 0
    problem: str = ""
    folder: str = ""
    details: str = field(default="", repr=False)


def script(
    seed: int, seconds: float, only: Fault | None = None, lasts: float | None = None, engine: str = "sqlite",
) -> list[Moment]:
    """The faults of the round with this seed."""
    random_source = random.Random(seed)
    harmless, rare = of_engine(HARMLESS, engine), of_engine(RARE, engine)
    faults = [only] if only else random_source.sample(harmless, random_source.choice([1, 2, 2, 3]))
    if not only and random_source.random() < 0.35:
        faults[-1] = random_source.choice(FATAL + [fault for fault in rare if not fault.is_slow])
    # Also before the start and after the end of the apply, because a job has more phases.
    return [
        Moment(moment, fault, lasts or random_source.uniform(*fault.lasts))
        for moment, fault in zip(sorted(random_source.uniform(-1.5, seconds + 1.5) for _ in faults), faults)]


def run(seed: int, folder: Path, binary: Path, seconds: float, only: Fault | None = None,
        lasts: float | None = None, engine: str = "sqlite") -> Result:
    moments = script(seed, seconds, only, lasts, engine)
    result = Result(seed, [moment.fault.name for moment in moments], folder=str(folder))
    start = time.monotonic()
    system = None
    try:
        system = TestSystem(
            folder, binary, "--second-interrupt-after", "20", "--kill-after", "5",
            small_disk=any(moment.fault.needs_disk for moment in moments), engine=engine)
        links = checks.CaptureLinks(system)
        try:
            run_jobs(system, links, seed, seconds, moments, result)
        finally:
            links.stop()
            system.close()
        assert not system.processes(), f"left over: {system.processes()}"
        checks.check_secret_files(system)
        shutil.rmtree(folder)
    except NoDisk as problem:
        result.status = f"skipped: {problem}"
    except Exception as problem:
        result.problem = f"{type(problem).__name__}: {problem}"[:600]
        result.details = traceback.format_exc()
    result.seconds = time.monotonic() - start
    return result


def run_jobs(system: TestSystem, links: checks.CaptureLinks, seed: int, seconds: float, moments: list[Moment], result: Result) -> None:
    vine = system.vine(seed, seconds)
    plan = system.api.job("PLAN", vine)["id"]
    planned = system.finished(plan, LIMIT)
    assert (planned["status"], planned["log_state"]) == ("SUCCESS", "COMPLETE"), planned
    job = system.job = system.api.post(f"/api/jobs/{plan}/apply", {})["id"]
    wait_for_apply(system, moments)
    play(system, moments)
    system.wait_until_ready()
    # A job that is given up after a time-out needs longer.
    patience = 180 if any(moment.fault.is_slow for moment in moments) else 0
    record = system.finished(job, LIMIT + seconds + patience)
    judge(system, links, vine, job, record, moments, result)
    checks.check_log(system, links, plan)


def wait_for_apply(system: TestSystem, moments: list[Moment]) -> None:
    """Time 0 is the start of the provisioner. If a fault precedes it, the times count from the click on Apply."""
    if moments[0].at < 0:
        shift = moments[0].at
        for moment in moments:
            moment.at -= shift
        return
    wait_until((system.records / "starts").exists, "the apply has started", 60, pause=0.02)


def judge(system: TestSystem, links: checks.CaptureLinks, vine: str, job: str, record: dict, moments: list[Moment],
          result: Result) -> None:
    fatal = next((moment.fault for moment in moments if moment.fault not in HARMLESS), HARMLESS[0])
    if fatal.is_slow and not fatal.is_final and record["log_state"] == "INCOMPLETE":
        # The job was given up; the rest of its log arrives later and completes it.
        assert "Given up by admin" in record["error_message"], record
        record = system.with_complete_log(job, LIMIT)
    outcome = record.get("outcome") or {}
    ended = (record["status"], outcome.get("result", ""))
    result.status = record["status"]
    facts = {name: record.get(name) for name in ("status", "engine_state", "log_state", "error_message", "outcome")}
    assert ended in fatal.ends, f"ended as {ended}: {facts}"
    if fatal.is_final and record["status"] == "FAILED":
        assert record["log_state"] == "INCOMPLETE" and record["engine_state"] == "UNKNOWN", facts
        return checks.check_lock_and_break_it(system, vine)
    reason = record.get("log_state_reason")
    assert record["log_state"] in fatal.logs, f"the log is {record['log_state']}: {reason} {facts}"
    assert (reason is None) == (record["log_state"] == "COMPLETE"), facts
    unknown = outcome.get("result") == "UNKNOWN"
    assert record["engine_state"] == ("UNKNOWN" if unknown else "GONE" if outcome else "NONE"), facts
    if outcome:
        assert outcome["lock_released"] is True, facts
        result.lines = checks.check_log(system, links, job)
        checks.check_printed(system, job, outcome["result"] == "SUCCEEDED", fatal.is_lossy)
    all_resources = {"first", "talker", "last"}
    checks.check_state(system, vine, all_resources if outcome.get("result") == "SUCCEEDED" else None)
    checks.check_processes(system)
    if record["log_state"] == "COMPLETE":
        checks.check_folders(system)
    checks.check_secret_responses(system, job)
