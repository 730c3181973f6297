"""The faults, and the results that each allows.

Faults are independent, and end after a while. After a harmless fault, the job succeeds. After another one, it ends with
one of the results that the fault allows, and nothing that was written is lost.
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

from harness import wait_until
from system import TestSystem

Act = Callable[[TestSystem], Any]


@dataclass(frozen=True)
class Fault:
    name: str
    begin: Act
    end: Act = lambda system: None
    #: Its shortest and longest duration, in seconds.
    lasts: tuple[float, float] = (0.0, 0.0)
    #: How the job may end: its status and the result of its outcome.
    ends: frozenset[tuple[str, str]] = field(default=frozenset({("SUCCESS", "SUCCEEDED")}))
    #: How the log may end.
    logs: frozenset[str] = frozenset({"COMPLETE"})
    #: The engine itself could not write all of its output.
    is_lossy: bool = False
    #: The Tendril's machine was lost: the log and the state lack their ends, and the lock stays.
    is_final: bool = False
    #: The Tendril's folder is on a small disk.
    needs_disk: bool = False
    #: Takes more than half a minute: runs only on request.
    is_slow: bool = False
    #: The engine that it is about; empty for both.
    engine: str = ""


def kill(*names: str) -> Act:
    def run(system: TestSystem) -> None:
        for name in names:
            getattr(system, name).kill()

    return run


def start(*names: str) -> Act:
    def run(system: TestSystem) -> None:
        for name in names:
            getattr(system, name).start()

    return run


def send(number: int, *names: str) -> Act:
    def run(system: TestSystem) -> None:
        for name in names:
            getattr(system, name).signal(number)

    return run


def stop(*names: str) -> Act:
    def run(system: TestSystem) -> None:
        for name in names:
            getattr(system, name).stop()

    return run


def network(which: str = "proxy", **state: bool) -> Act:
    def run(system: TestSystem) -> None:
        proxy = getattr(system, which)
        for name, value in state.items():
            setattr(proxy, name, value)
        if proxy.refuses:
            proxy.cut()

    return run


def database(**state: bool) -> Act:
    """The network between the nodes and PostgreSQL."""
    return network("database_proxy", **state)


def cut(system: TestSystem) -> None:
    system.proxy.cut()


def cut_database(system: TestSystem) -> None:
    assert system.database_proxy
    system.database_proxy.cut()


def disconnect_database(system: TestSystem) -> None:
    assert system.postgres
    system.postgres.disconnect()


def send_to(find: str, number: int) -> Act:
    """Sends a signal to the running supervisors or engines."""
    def run(system: TestSystem) -> None:
        for pid in getattr(system, find)():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    return run


def lock_database(system: TestSystem) -> None:
    """Another process holds the database's write lock: every write is refused, as on a full disk."""
    system.database_lock = sqlite3.connect(system.data / "vintner.sqlite", timeout=30, check_same_thread=False)
    system.database_lock.isolation_level = None
    system.database_lock.execute("BEGIN IMMEDIATE")


def free_database(system: TestSystem) -> None:
    assert system.database_lock
    system.database_lock.execute("ROLLBACK")
    system.database_lock.close()


def reboot(system: TestSystem) -> None:
    """The Tendril's machine loses power: Tendril, supervisor and engine end at once. Its disk survives."""
    victims = [pid for pid, words in system.processes().items() if pid not in {node.pid for node in system.nodes}]
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    system.tendril.kill()


def wait_for_lock(system: TestSystem) -> None:
    """Waits until the Tendril that was started has locked its folder."""
    with (system.work / "tendril.lock").open("a") as file:
        def is_locked() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(file, fcntl.LOCK_UN)
            except BlockingIOError:
                return True
            return False

        wait_until(is_locked, "the Tendril has locked its folder", 20)


def second_tendril(system: TestSystem) -> None:
    """A second Tendril is started on the same folder: it must exit with a message, and change nothing."""
    if not system.tendril.is_running:
        return
    wait_for_lock(system)
    other = subprocess.run(
        system.tendril.command, env=system.tendril.environment, capture_output=True, timeout=30, text=True)
    assert other.returncode != 0 and "Another Tendril uses" in other.stderr + other.stdout, other


def force_cancel(system: TestSystem) -> None:
    """A user cancels, and then force-cancels."""
    cancel(system)
    time.sleep(0.3)
    act(system, "force-cancel")


def give_up(system: TestSystem) -> None:
    """The Tendril hangs until it is OFFLINE and a user gives its job up. Then it continues, as a zombie."""
    system.tendril.signal(signal.SIGSTOP)
    wait_until(lambda: "ONLINE" not in act(system, "give-up"), "the Tendril is OFFLINE", 60, pause=0.5)
    system.tendril.signal(signal.SIGCONT)


def lose_folder(system: TestSystem) -> None:
    """The Tendril's machine is lost with its disk: the Tendril that returns does not know the job."""
    reboot(system)
    shutil.rmtree(system.work / "jobs")


def back_up(system: TestSystem) -> None:
    # If the backup has the job as QUEUED, it runs a second time: not what this fault is about.
    wait_until(lambda: system.api.get(f"/api/jobs/{system.job}")["status"] not in {"QUEUED", "CLAIMED"},
               "the job has started", 60, pause=0.02)
    system.backup = system.folder / "backup.sqlite"
    with sqlite3.connect(system.data / "vintner.sqlite", timeout=30) as source, \
            sqlite3.connect(system.backup) as copy:
        source.backup(copy)
    source.close()
    copy.close()


def restore(system: TestSystem) -> None:
    """Trellis' database is lost, and replaced by its backup."""
    progress = system.work / "jobs" / system.job / "job.json"
    if not progress.exists() or '"settleState"' in progress.read_text():
        return  # The job has almost ended, and the backup would lack its end.
    assert system.backup
    system.trellis.kill()
    for name in ("vintner.sqlite", "vintner.sqlite-wal", "vintner.sqlite-shm"):
        (system.data / name).unlink(missing_ok=True)
    system.backup.rename(system.data / "vintner.sqlite")
    system.trellis.start()


def fill_disk(system: TestSystem) -> None:
    """Fills the disk with the Tendril's folder to the last byte."""
    with (system.work / "ballast").open("wb", buffering=0) as ballast:
        for size in (1 << 20, 4096, 1):
            try:
                while ballast.write(bytes(size)):
                    pass
            except OSError:
                continue


def free_disk(system: TestSystem) -> None:
    (system.work / "ballast").unlink(missing_ok=True)


def cancel(system: TestSystem) -> None:
    act(system, "cancel")


def act(system: TestSystem, action: str) -> str:
    """A user's action on the job, which may have ended already."""
    response = system.api.call("POST", f"/api/jobs/{system.job}/{action}", {}, ok=False)
    assert response.status_code in {200, 409}, response.text
    return response.text


HARMLESS = [
    Fault("kill -9 Trellis", kill("trellis"), start("trellis"), (0.1, 3)),
    Fault("kill -9 the Tendril", kill("tendril"), start("tendril"), (0.1, 3)),
    Fault("kill -9 both", kill("trellis", "tendril"), start("trellis", "tendril"), (0.1, 3)),
    Fault("restart Trellis", stop("trellis"), start("trellis"), (0, 0.5)),
    Fault("restart the Tendril", stop("tendril"), start("tendril"), (0, 0.5)),
    Fault("stop Trellis (SIGSTOP)", send(signal.SIGSTOP, "trellis"), send(signal.SIGCONT, "trellis"), (0.2, 4)),
    Fault("stop the Tendril (SIGSTOP)", send(signal.SIGSTOP, "tendril"), send(signal.SIGCONT, "tendril"), (0.2, 4)),
    Fault("stop the supervisor (SIGSTOP)", send_to("supervisors", signal.SIGSTOP), send_to("supervisors", signal.SIGCONT),
          (0.2, 3)),
    Fault("cut all connections", cut),
    Fault("network down", network(refuses=True), network(refuses=False), (0.2, 4)),
    Fault("network stalls", network(stalls=True), network(stalls=False), (0.2, 4)),
    Fault("responses are dropped", network(drops_responses=True), network(drops_responses=False), (0.2, 4)),
    Fault("database refuses writes", lock_database, free_database, (0.5, 7), engine="sqlite"),
    Fault("a second Tendril on the same folder", second_tendril),
    Fault("kill -9 both nodes", kill("trellis", "second"), start("trellis", "second"), (0.1, 3), engine="postgres"),
    Fault("stop a node beyond its terms (SIGSTOP)", send(signal.SIGSTOP, "trellis"), send(signal.SIGCONT, "trellis"),
          (16, 20), engine="postgres"),
    Fault("restart a node while the other goes on", stop("second"), start("second"), (0, 2), engine="postgres"),
    Fault("kill -9 PostgreSQL", kill("postgres"), start("postgres"), (0.1, 4), engine="postgres"),
    Fault("restart PostgreSQL", stop("postgres"), start("postgres"), (0, 1), engine="postgres"),
    Fault("stop PostgreSQL (SIGSTOP)", send(signal.SIGSTOP, "postgres"), send(signal.SIGCONT, "postgres"), (0.5, 8),
          engine="postgres"),
    Fault("cut all connections to PostgreSQL", cut_database, engine="postgres"),
    Fault("PostgreSQL ends all connections", disconnect_database, engine="postgres"),
    Fault("PostgreSQL unreachable", database(refuses=True), database(refuses=False), (0.2, 5), engine="postgres"),
    Fault("network to PostgreSQL stalls", database(stalls=True), database(stalls=False), (0.2, 8), engine="postgres"),
    Fault("answers of PostgreSQL are lost", database(drops_responses=True), database(drops_responses=False), (0.2, 3),
          engine="postgres"),
]

FAILED = frozenset({("FAILED", "UNKNOWN"), ("SUCCESS", "SUCCEEDED")})
FATAL = [
    Fault("kill -9 the supervisor", send_to("supervisors", signal.SIGKILL), ends=FAILED),
    Fault("kill -9 the engine", send_to("engines", signal.SIGKILL),
          ends=frozenset({("FAILED", "FAILED"), ("SUCCESS", "SUCCEEDED")})),
    Fault("the Tendril's machine loses power", reboot, start("tendril"), (0.1, 2), FAILED),
    Fault("force cancel", force_cancel, ends=frozenset(
        {("CANCELLED", "INTERRUPTED"), ("CANCELLED", "SUCCEEDED"), ("CANCELLED", ""), ("SUCCESS", "SUCCEEDED")})),
    Fault("cancel", cancel, ends=frozenset(
        {("CANCELLED", "INTERRUPTED"), ("CANCELLED", "SUCCEEDED"), ("CANCELLED", ""), ("SUCCESS", "SUCCEEDED")})),
]


ANY = frozenset((status, result) for status in ("SUCCESS", "FAILED") for result in ("SUCCEEDED", "FAILED", "UNKNOWN"))
RARE = [
    Fault("database restored from a backup", back_up, restore, (0.5, 3), engine="sqlite"),
    Fault("the Tendril's disk is full", fill_disk, free_disk, (0.5, 3), ANY, frozenset({"COMPLETE", "INCOMPLETE"}),
          is_lossy=True, needs_disk=True),
    Fault("given up, then returns", give_up, ends=frozenset(
        {("FAILED", "SUCCEEDED"), ("SUCCESS", "SUCCEEDED")}), is_slow=True),
    Fault("the Tendril's machine is lost", lose_folder, start("tendril"), (0.1, 1), FAILED,
          frozenset({"INCOMPLETE", "COMPLETE"}), is_final=True, is_slow=True),
]
ALL = HARMLESS + FATAL + RARE


def of_engine(faults: list[Fault], engine: str) -> list[Fault]:
    """Those that there are on this database."""
    return [fault for fault in faults if fault.engine in ("", engine)]


@dataclass
class Moment:
    """One fault of a round: its time and its duration."""
    at: float
    fault: Fault
    lasts: float


def play(system: TestSystem, moments: list[Moment]) -> None:
    """Begins and ends the faults at their times, in order."""
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0, moment.at - (time.monotonic() - began)))
        moment.fault.begin(system)
        time.sleep(moment.lasts)
        moment.fault.end(system)
