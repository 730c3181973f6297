"""What can go wrong, and what each fault leaves of a job.

A fault begins and heals; it knows nothing of the others. Harmless ones must leave no trace: the job succeeds. After the
others the job ends as they say, and still nothing that was written is lost.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any, Callable

from world import World

Act = Callable[[World], Any]


@dataclass(frozen=True)
class Fault:
    name: str
    begin: Act
    heal: Act = lambda world: None
    #: How long it lasts, in seconds: from, to.
    lasts: tuple[float, float] = (0.0, 0.0)
    #: What the job may end as: status, result of the outcome.
    ends: frozenset[tuple[str, str]] = field(default=frozenset({("SUCCESS", "SUCCEEDED")}))
    #: How the log may end.
    logs: frozenset[str] = frozenset({"COMPLETE"})
    #: The engine itself could not write all of its output.
    is_lossy: bool = False
    #: The Tendril's machine was lost: neither the end of the log, nor that of the state, nor the lock came back.
    is_final: bool = False
    #: The Tendril's folder lies on a small disk of its own.
    needs_disk: bool = False
    #: Takes half a minute and more: only when asked for.
    is_slow: bool = False


def kill(*names: str) -> Act:
    def act(world: World) -> None:
        for name in names:
            getattr(world, name).kill()

    return act


def start(*names: str) -> Act:
    def act(world: World) -> None:
        for name in names:
            getattr(world, name).start()

    return act


def send(number: int, *names: str) -> Act:
    def act(world: World) -> None:
        for name in names:
            getattr(world, name).signal(number)

    return act


def end(*names: str) -> Act:
    def act(world: World) -> None:
        for name in names:
            getattr(world, name).end()

    return act


def network(**state: bool) -> Act:
    def act(world: World) -> None:
        for name, value in state.items():
            setattr(world.proxy, name, value)
        if world.proxy.refusing:
            world.proxy.cut()

    return act


def cut(world: World) -> None:
    world.proxy.cut()


def to(find: str, number: int) -> Act:
    """A signal to the supervisors or the engines that run now."""
    def act(world: World) -> None:
        for pid in getattr(world, find)():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    return act


def lock_database(world: World) -> None:
    """Somebody else holds the database's write lock: every write is refused, as on a full disk."""
    world.intruder = sqlite3.connect(world.data / "vintner.sqlite", timeout=30, check_same_thread=False)
    world.intruder.isolation_level = None
    world.intruder.execute("BEGIN IMMEDIATE")


def free_database(world: World) -> None:
    world.intruder.execute("ROLLBACK")
    world.intruder.close()


def reboot(world: World) -> None:
    """The agent's machine goes down: Tendril, supervisor and engine at once. Its disk stays."""
    victims = [pid for pid, words in world.processes().items() if pid != world.trellis.process.pid]
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if world.tendril.process:
        world.tendril.process.wait(20)


def wait_for_lock(world: World) -> None:
    """Until the Tendril that was started has taken its folder."""
    deadline = time.monotonic() + 20
    with (world.work / "tendril.lock").open("a") as file:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(file, fcntl.LOCK_UN)
                time.sleep(0.05)
            except BlockingIOError:
                return


def second_tendril(world: World) -> None:
    """Somebody starts another Tendril on the same folder: it must leave with a sentence and touch nothing."""
    if not world.tendril.is_running:
        return
    wait_for_lock(world)
    other = subprocess.run(
        world.tendril_command, env=world.tendril_environment, capture_output=True, timeout=30, text=True)
    assert other.returncode != 0 and "Another Tendril uses" in other.stderr + other.stdout, other


def force_cancel(world: World) -> None:
    """A person cancels, and does not want to wait."""
    cancel(world)
    time.sleep(0.3)
    answer = world.call("POST", f"/api/jobs/{world.job}/force-cancel", {})
    assert answer.status_code in {200, 409}, answer.text


def give_up(world: World) -> None:
    """The Tendril stands still until it is OFFLINE, a person gives the job up, and then it comes back: a zombie."""
    world.tendril.signal(signal.SIGSTOP)
    deadline = time.monotonic() + 60
    while True:
        answer = world.call("POST", f"/api/jobs/{world.job}/give-up", {})
        if "ONLINE" not in answer.text:
            break
        assert time.monotonic() < deadline, "the Tendril was never OFFLINE"
        time.sleep(0.5)
    assert answer.status_code in {200, 409}, answer.text
    world.tendril.signal(signal.SIGCONT)


def lose_folder(world: World) -> None:
    """The agent's machine is lost with its disk: what comes back knows nothing of the job."""
    reboot(world)
    shutil.rmtree(world.work / "jobs")


def back_up(world: World) -> None:
    # What was queued only would be queued again, which is no fault of the log's.
    while world.get(f"/api/jobs/{world.job}")["status"] in {"QUEUED", "CLAIMED"}:
        time.sleep(0.02)
    world.backup = world.folder / "backup.sqlite"
    with sqlite3.connect(world.data / "vintner.sqlite", timeout=30) as source, \
            sqlite3.connect(world.backup) as copy:
        source.backup(copy)
    source.close()
    copy.close()


def restore(world: World) -> None:
    """Trellis' database is lost, and what was backed up a while ago put in its place."""
    progress = world.work / "jobs" / world.job / "job.json"
    if not progress.exists() or '"settleState"' in progress.read_text():
        return  # It has all but ended: then its end is what the backup lacks.
    world.trellis.kill()
    for name in ("vintner.sqlite", "vintner.sqlite-wal", "vintner.sqlite-shm"):
        (world.data / name).unlink(missing_ok=True)
    world.backup.rename(world.data / "vintner.sqlite")
    world.trellis.start()


def fill_disk(world: World) -> None:
    """The disk with the Tendril's folder is full to the last byte."""
    with (world.work / "ballast").open("wb", buffering=0) as ballast:
        for size in (1 << 20, 4096, 1):
            try:
                while ballast.write(bytes(size)):
                    pass
            except OSError:
                continue


def free_disk(world: World) -> None:
    (world.work / "ballast").unlink(missing_ok=True)


def cancel(world: World) -> None:
    answer = world.call("POST", f"/api/jobs/{world.job}/cancel", {})
    assert answer.status_code in {200, 409}, answer.text


HARMLESS = [
    Fault("kill -9 Trellis", kill("trellis"), start("trellis"), (0.1, 3)),
    Fault("kill -9 the Tendril", kill("tendril"), start("tendril"), (0.1, 3)),
    Fault("kill -9 both", kill("trellis", "tendril"), start("trellis", "tendril"), (0.1, 3)),
    Fault("restart Trellis", end("trellis"), start("trellis"), (0, 0.5)),
    Fault("restart the Tendril", end("tendril"), start("tendril"), (0, 0.5)),
    Fault("stop Trellis (SIGSTOP)", send(signal.SIGSTOP, "trellis"), send(signal.SIGCONT, "trellis"), (0.2, 4)),
    Fault("stop the Tendril (SIGSTOP)", send(signal.SIGSTOP, "tendril"), send(signal.SIGCONT, "tendril"), (0.2, 4)),
    Fault("stop the supervisor (SIGSTOP)", to("supervisors", signal.SIGSTOP), to("supervisors", signal.SIGCONT),
          (0.2, 3)),
    Fault("cut all connections", cut),
    Fault("network away", network(refusing=True), network(refusing=False), (0.2, 4)),
    Fault("network stands still", network(still=True), network(still=False), (0.2, 4)),
    Fault("answers are lost", network(deaf=True), network(deaf=False), (0.2, 4)),
    Fault("database refuses writes", lock_database, free_database, (0.5, 7)),
    Fault("a second Tendril on the folder", second_tendril),
]

FAILED = frozenset({("FAILED", "UNKNOWN"), ("SUCCESS", "SUCCEEDED")})
FATAL = [
    Fault("kill -9 the supervisor", to("supervisors", signal.SIGKILL), ends=FAILED),
    Fault("kill -9 the engine", to("engines", signal.SIGKILL),
          ends=frozenset({("FAILED", "FAILED"), ("SUCCESS", "SUCCEEDED")})),
    Fault("the agent's machine goes down", reboot, start("tendril"), (0.1, 2), FAILED),
    Fault("force cancel", force_cancel, ends=frozenset(
        {("CANCELLED", "INTERRUPTED"), ("CANCELLED", "SUCCEEDED"), ("CANCELLED", ""), ("SUCCESS", "SUCCEEDED")})),
    Fault("cancel", cancel, ends=frozenset(
        {("CANCELLED", "INTERRUPTED"), ("CANCELLED", "SUCCEEDED"), ("CANCELLED", ""), ("SUCCESS", "SUCCEEDED")})),
]


ANY = frozenset((status, result) for status in ("SUCCESS", "FAILED") for result in ("SUCCEEDED", "FAILED", "UNKNOWN"))
RARE = [
    Fault("database restored from a backup", back_up, restore, (0.5, 3)),
    Fault("the Tendril's disk is full", fill_disk, free_disk, (0.5, 3), ANY, frozenset({"COMPLETE", "INCOMPLETE"}),
          is_lossy=True, needs_disk=True),
    Fault("given up, then back", give_up, ends=frozenset(
        {("FAILED", "SUCCEEDED"), ("SUCCESS", "SUCCEEDED")}), is_slow=True),
    Fault("the agent's machine is lost", lose_folder, start("tendril"), (0.1, 1), FAILED,
          frozenset({"INCOMPLETE", "COMPLETE"}), is_final=True, is_slow=True),
]
ALL = HARMLESS + FATAL + RARE


@dataclass
class Moment:
    """One fault of a round: when, and for how long."""
    at: float
    fault: Fault
    lasts: float


def play(world: World, moments: list[Moment]) -> None:
    """Begins and heals the faults at their times, one after the other."""
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0, moment.at - (time.monotonic() - began)))
        moment.fault.begin(world)
        time.sleep(moment.lasts)
        moment.fault.heal(world)
