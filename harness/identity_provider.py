"""A real OpenID Connect provider, nanoidp, on a free port, with people whose groups a test changes."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from harness.program import ManagedProcess
from harness.waiting import wait_until

CLIENT_ID, CLIENT_SECRET = "vintner", "nanoidp-client-secret"
PASSWORD = "correct horse"

SETTINGS = """
config_version: 1
server: {{host: "127.0.0.1", port: {port}}}
jwt: {{keys_dir: "{keys}"}}
oauth:
  issuer: "{issuer}"
  audience: "vintner-api"
  token_expiry_minutes: 5
  clients:
    - {{client_id: "{client}", client_secret: "{secret}", description: "Vintner"}}
"""


class IdentityProvider:
    """`issuer` is its address. Everybody's password is `PASSWORD`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "config"
        self.folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.people: dict[str, list[str]] = {}
        (self.folder / "settings.yaml").write_text(
            SETTINGS.format(port=self.port, issuer=self.issuer, client=CLIENT_ID, secret=CLIENT_SECRET,
                            keys=folder / "keys"))
        self.secret_file = folder / "client-secret"
        self.secret_file.write_text(CLIENT_SECRET + "\n")
        self._write_people()
        self.process = ManagedProcess(
            [sys.executable, "-m", "nanoidp", "--config", str(self.folder), "--port", str(self.port)],
            folder / "nanoidp.log")

    def options(self, name: str = "Company SSO") -> list[str]:
        """What `vintner up` needs to know."""
        return ["--oidc-issuer", self.issuer, "--oidc-client-id", CLIENT_ID, "--oidc-client-secret-file",
                str(self.secret_file), "--oidc-name", name]

    def add(self, name: str, *groups: str) -> None:
        """Adds a person, or changes the groups."""
        self.people[name] = list(groups)
        self._write_people()
        if self.process.is_running:
            self._post("/api/config/reload")

    def remove(self, name: str) -> None:
        del self.people[name]
        self._write_people()
        self._post("/api/config/reload")

    def rotate_keys(self) -> None:
        self._post("/api/keys/rotate")

    def start(self) -> None:
        self.process.start()
        wait_until(self._is_ready, lambda: self.process.log.read_text(errors="replace"), 60)

    def stop(self) -> None:
        if self.process.is_running:
            self.process.stop()

    def _is_ready(self) -> bool:
        assert self.process.is_running, self.process.log.read_text(errors="replace")
        try:
            return requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=5).ok
        except requests.RequestException:
            return False

    def _post(self, path: str) -> Any:
        answer = requests.post(f"{self.issuer}{path}", timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def _write_people(self) -> None:
        lines = ["config_version: 1", "users:" if self.people else "users: {}"]
        for name, groups in self.people.items():
            listed = ", ".join(f'"{group}"' for group in groups)
            lines.append(f'  {name}: {{password: "{PASSWORD}", email: "{name}@example.org", groups: [{listed}]}}')
        (self.folder / "users.yaml").write_text("\n".join(lines) + "\n")

    def __enter__(self) -> IdentityProvider:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
