"""A PostgreSQL server of a test's own: on a port of 127.0.0.1, in a folder of its own, run by an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from harness.program import ManagedProcess, children_of
from harness.waiting import wait_until

LIMIT = 60
USER = "vintner"


def programs() -> Path:
    """The folder with `initdb` and `postgres`."""
    for version in (17, 16, 15, 14):
        folder = Path(f"/usr/lib/postgresql/{version}/bin")
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    assert found, "PostgreSQL is not installed; scripts/setup.sh test installs it."
    return Path(found).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgresServer:
    """`settings` are lines of `postgresql.conf`. Nothing that its processes wrote is lost when they are killed: the
    operating system goes on, so nothing is flushed to the disk."""

    def __init__(self, **settings: str | int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vintner-pg-", dir="/tmp"))
        self.data, self.port = self.folder / "data", free_port()
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.settings: dict[str, str | int] = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off",
            "max_connections": 120, "shared_buffers": "32MB", **settings}
        self.process = ManagedProcess(
            self.command("postgres", "-D", str(self.data)), self.folder / "server.log")

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs a program of PostgreSQL as the server's user."""
        return self.as_user(str(programs() / program), *arguments)

    @staticmethod
    def as_user(*words: str) -> list[str]:
        if os.geteuid() == 0:
            return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]
        return list(words)

    free_port = staticmethod(free_port)

    def run(self, program: str, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            self.command(program, *arguments), cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout

    def create(self) -> PostgresServer:
        """Makes the cluster and an empty database, and starts it."""
        self.run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.configure()
        self.start()
        self.execute(f"CREATE DATABASE {USER}", database="postgres")
        return self

    def follow(self, primary: PostgresServer) -> PostgresServer:
        """Makes a copy of a running server, and starts it as its synchronous standby."""
        self.run("pg_basebackup", "-D", str(self.data), "-h", "127.0.0.1", "-p", str(primary.port), "-U", USER, "-R", "-c", "fast",
                 "--no-sync")
        # A copy of the primary's settings would wait for itself after a promotion.
        self.settings["primary_conninfo"] = f"host=127.0.0.1 port={primary.port} user={USER} application_name=standby"
        self.configure()
        self.start()
        primary.settings["synchronous_standby_names"] = "standby"
        primary.configure()
        primary.execute("SELECT pg_reload_conf()")

        def is_synchronous() -> bool:
            return primary.execute("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1\n"

        wait_until(is_synchronous, "the standby is synchronous", LIMIT)
        return self

    def promote(self) -> None:
        self.execute("SELECT pg_promote(true, 60)")

    def configure(self) -> None:
        lines = "".join(f"{name} = '{value}'\n" for name, value in self.settings.items())
        file = self.data / "postgresql.auto.conf"
        file.write_text(lines)

    @property
    def is_ready(self) -> bool:
        done = subprocess.run(
            [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "2"], check=False)
        return done.returncode == 0

    def url(self, port: int | None = None) -> str:
        """The address of the database; `port` for a proxy in front."""
        return f"postgres://{USER}@127.0.0.1:{port or self.port}/{USER}"

    def start(self) -> None:
        self.process.start()

        def is_up() -> bool:
            # A server that finds another one dying gives up.
            self.process.start()
            return self.is_ready

        wait_until(is_up, lambda: f"PostgreSQL is ready:\n{self.process.log.read_text()[-2000:]}", LIMIT)

    def execute(self, sql: str, database: str = USER) -> str:
        return self.run(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1",
            "-c", sql)

    # ---- faults

    @property
    def processes(self) -> list[int]:
        return [self.process.pid, *children_of(self.process.pid)] if self.process.is_running else []

    def signal(self, number: int) -> None:
        """Sends a signal to all of its processes, the first one first."""
        for pid in self.processes:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        """Kills all of its processes."""
        pids = self.processes
        self.signal(signal.SIGKILL)
        self.process.kill()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") and _is_alive(pid) for pid in pids), "its end", LIMIT)

    def stop(self) -> None:
        """Ends it as an operator would who does not wait for clients ("fast")."""
        self.process.signal(signal.SIGINT)
        if self.process.process:
            self.process.process.wait(LIMIT)

    def disconnect(self) -> None:
        """Ends every client's connection."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE pid <> pg_backend_pid() AND usename = '{USER}' AND backend_type = 'client backend'")

    def close(self) -> None:
        self.signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
