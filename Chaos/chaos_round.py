"""One seeded round: a plan, then its apply with faults at random moments, then the proof."""

from __future__ import annotations

import random
import shutil
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import truth
from faults import FATAL, HARMLESS, RARE, Fault, Moment, play
from world import NoDisk, World

#: How long a job may take after its faults have healed: the longest pause between two tries, some times over.
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


def script(seed: int, seconds: float, only: Fault | None = None, lasts: float | None = None) -> list[Moment]:
    """What happens in the round of this seed."""
    dice = random.Random(seed)
    faults = [only] if only else dice.sample(HARMLESS, dice.choice([1, 2, 2, 3]))
    if not only and dice.random() < 0.35:
        faults[-1] = dice.choice(FATAL + [fault for fault in RARE if not fault.is_slow])
    # From before the start to after the end: a job has more phases than its apply.
    return [
        Moment(moment, fault, lasts or dice.uniform(*fault.lasts))
        for moment, fault in zip(sorted(dice.uniform(-1.5, seconds + 1.5) for _ in faults), faults)]


def run(seed: int, folder: Path, binary: Path, seconds: float, only: Fault | None = None,
        lasts: float | None = None) -> Result:
    moments = script(seed, seconds, only, lasts)
    result = Result(seed, [moment.fault.name for moment in moments], folder=str(folder))
    began = time.monotonic()
    world = None
    try:
        world = World(
            folder, binary, "--second-interrupt-after", "20", "--kill-after", "5",
            small_disk=any(moment.fault.needs_disk for moment in moments))
        links = truth.Links(world)
        try:
            go(world, links, seed, seconds, moments, result)
        finally:
            links.stop()
            world.close()
        assert not world.processes(), f"left over: {world.processes()}"
        truth.check_secret_files(world)
        shutil.rmtree(folder)
    except NoDisk as problem:
        result.status = f"left out: {problem}"
    except Exception as problem:
        result.problem = f"{type(problem).__name__}: {problem}"[:600]
        result.details = traceback.format_exc()
    result.seconds = time.monotonic() - began
    return result


def go(world: World, links: truth.Links, seed: int, seconds: float, moments: list[Moment], result: Result) -> None:
    vine = world.vine(seed, seconds)
    plan = world.post("/api/jobs", {"job_type": "PLAN", "vine_id": vine})["id"]
    planned = world.finished(plan, LIMIT)
    assert (planned["status"], planned["log_state"]) == ("SUCCESS", "COMPLETE"), planned
    job = world.job = world.post(f"/api/jobs/{plan}/apply")["id"]
    wait_for_apply(world, job, moments)
    play(world, moments)
    world.wait_until_ready()
    # Who is given up by time gets some.
    patience = 180 if any(moment.fault.is_slow for moment in moments) else 0
    record = world.finished(job, LIMIT + seconds + patience)
    judge(world, links, vine, job, record, moments, result)
    truth.check_log(world, links, plan)


def wait_for_apply(world: World, job: str, moments: list[Moment]) -> None:
    """Time 0 is when the provisioner speaks. Faults before it are counted from the click."""
    if moments[0].at < 0:
        shift = moments[0].at
        for moment in moments:
            moment.at -= shift
        return
    deadline = time.monotonic() + 60
    while not (world.truth / "begun").exists():
        assert time.monotonic() < deadline, "the apply did not begin"
        time.sleep(0.02)


def judge(world: World, links: truth.Links, vine: str, job: str, record: dict, moments: list[Moment],
          result: Result) -> None:
    fatal = next((moment.fault for moment in moments if moment.fault not in HARMLESS), HARMLESS[0])
    if fatal.is_slow and not fatal.is_final and record["log_state"] == "INCOMPLETE":
        # Given up on: what comes late makes it whole.
        assert "Given up by admin" in record["error_message"], record
        record = world.whole(job, LIMIT)
    outcome = record.get("outcome") or {}
    ended = (record["status"], outcome.get("result", ""))
    result.status = record["status"]
    facts = {name: record.get(name) for name in ("status", "engine_state", "log_state", "error_message", "outcome")}
    assert ended in fatal.ends, f"ended as {ended}: {facts}"
    if fatal.is_final and record["status"] == "FAILED":
        assert record["log_state"] == "INCOMPLETE" and record["engine_state"] == "UNKNOWN", facts
        return truth.check_lock_and_break_it(world, vine)
    reason = record.get("log_state_reason")
    assert record["log_state"] in fatal.logs, f"the log is {record['log_state']}: {reason} {facts}"
    assert (reason is None) == (record["log_state"] == "COMPLETE"), facts
    unknown = outcome.get("result") == "UNKNOWN"
    assert record["engine_state"] == ("UNKNOWN" if unknown else "GONE" if outcome else "NONE"), facts
    if outcome:
        assert outcome["lock_released"] is True, facts
        result.lines = truth.check_log(world, links, job)
        truth.check_spoken(world, job, outcome["result"] == "SUCCEEDED", fatal.is_lossy)
    whole = {"first", "talker", "last"}
    truth.check_state(world, vine, whole if outcome.get("result") == "SUCCEEDED" else None)
    truth.check_processes(world)
    if record["log_state"] == "COMPLETE":
        truth.check_folders(world)
    truth.check_secret_answers(world, job)
