"""What can go wrong, and what each fault leaves of a job.

A fault begins and heals; it knows nothing of the others. Harmless ones must leave no trace: the job succeeds. After the
others the job ends as they say, and still nothing that was written is lost.
"""

from __future__ import annotations

import os
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


def second_tendril(world: World) -> None:
    """Somebody starts another Tendril on the same folder: it must leave with a sentence and touch nothing."""
    if not world.tendril.is_running:
        return
    other = subprocess.run(
        world.tendril_command, env=world.tendril_environment, capture_output=True, timeout=30, text=True)
    assert other.returncode != 0 and "Another Tendril is running" in other.stderr + other.stdout, other


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
    Fault("cancel", cancel, ends=frozenset(
        {("CANCELLED", "INTERRUPTED"), ("CANCELLED", "SUCCEEDED"), ("CANCELLED", ""), ("SUCCESS", "SUCCEEDED")})),
]


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
