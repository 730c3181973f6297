"""`vintner login`: the whole way from the command to a stored token, with a browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Iterator

import pytest
import requests
from playwright.sync_api import Page, expect

from harness import Server
from harness.program import binary
from harness.waiting import wait_until


class Login:
    """A command that runs in a home folder of its own. Its browser is a script that notes the address."""

    def __init__(self, home: Path, server: Server, *options: str, desktop: bool = True) -> None:
        self.home, self.opened = home, home / "opened"
        home.mkdir()
        browser = home / "browser"
        browser.write_text(f'#!/bin/sh\nprintf %s "$1" >"{self.opened}.part" && mv "{self.opened}.part" "{self.opened}"\n')
        browser.chmod(0o755)
        environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
        if desktop:
            environment["BROWSER"] = str(browser)
        self.environment = environment
        self.process = subprocess.Popen(
            [str(binary()), "login", server.url, "--name", f"laptop-{home.name}", *options], cwd=home, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def address(self) -> str:
        """What the command opened in its browser."""
        return wait_until(lambda: self.opened.exists() and self.opened.read_text(), "the browser was not opened", 60)

    def printed_address(self) -> str:
        assert self.process.stderr
        for line in self.process.stderr:
            if found := re.search(r"https?://\S+/dashboard/account/login\S+", line):
                return found.group(0)
        raise AssertionError("no address")

    def finish(self, text: str = "") -> str:
        _, errors = self.process.communicate(text, timeout=60)
        assert self.process.returncode == 0, errors
        return errors

    def stored(self) -> dict[str, str]:
        path = self.home / ".config" / "vintner" / "login.json"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        return json.loads(path.read_text())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the same person, who has nothing but the stored login."""
        return subprocess.run(
            [str(binary()), *arguments], cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def ended() -> Iterator[list[Login]]:
    logins: list[Login] = []
    yield logins
    for login in logins:
        login.process.kill()
        login.process.wait(20)


def test_the_browser_brings_the_token(page: Page, server: Server, tmp_path: Path, ended: list[Login]) -> None:
    login = Login(tmp_path / "home", server)
    ended.append(login)
    address = login.address()
    port = re.search(r"&port=(\d+)&state=", address)
    assert port, address
    # Whoever else asks at the listener gets nothing, and does not end it.
    listener = f"http://127.0.0.1:{port.group(1)}"
    for path in ("/", "/?code=vnc_x&state=wrong", "/favicon.ico"):
        assert requests.get(f"{listener}{path}", timeout=30).status_code == 404
    page.goto(address)
    expect(page.get_by_text("laptop-home")).to_be_visible()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("The command line has the code. You can close this page.")).to_be_visible(timeout=30_000)
    assert page.url.startswith(f"{listener}/?code=vnc_")
    assert "Signed in to" in login.finish()
    stored = login.stored()
    assert stored["url"] == server.url and stored["token"].startswith("vnt_")
    assert stored["token"] not in page.url
    used = login.run("vines", "list")
    assert used.returncode == 0, used.stderr
    # The code was used, and the listener is gone.
    code = re.search(r"code=([^&]+)", page.url)
    assert code
    again = requests.post(
        f"{server.url}/sign-in/code", json={"code": code.group(1), "verifier": "v" * 43, "name": "laptop-home"}, timeout=30)
    assert again.status_code == 401
    with pytest.raises(requests.RequestException):
        requests.get(listener, timeout=30)


@pytest.mark.parametrize("flags", [[], ["--no-browser"]], ids=["no desktop", "--no-browser"])
def test_a_code_is_pasted_where_there_is_no_browser(
    page: Page, server: Server, tmp_path: Path, ended: list[Login], flags: list[str],
) -> None:
    login = Login(tmp_path / f"home{len(flags)}", server, *flags, desktop=bool(flags))
    ended.append(login)
    address = login.printed_address()
    assert "port=" not in address
    page.goto(address)
    page.get_by_role("button", name="Allow").click()
    code = page.locator("[data-code]")
    expect(code).to_be_visible()
    expect(code).to_contain_text("vnc_")
    assert "Signed in to" in login.finish(code.inner_text() + "\n")
    assert not login.opened.exists()
    assert login.stored()["token"].startswith("vnt_")
