"""One server for all tests, one signed-in browser profile, one page a test."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT = 60
JOB_LIMIT = 90

expect.set_options(timeout=10_000)


@dataclass
class Server:
    url: str
    token: str
    sign_in: str | None
    process: subprocess.Popen | None = None


def read_line(process: subprocess.Popen, wanted: re.Pattern, limit: float, seen: list[str]) -> re.Match:
    """Reads the process' output until a line matches; other lines are kept for the failure's message."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout or []:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line is None:
            break
        seen.append(line)
        if found := wanted.search(line):
            return found
    pytest.exit(f"The server printed no sign-in link within {limit} s:\n{''.join(seen)}", returncode=3)


@contextmanager
def running(data: Path) -> Iterator[Server]:
    """A server of its own, with one Tendril."""
    binary = Path(os.environ.get("VINTNER_BIN", ROOT / ".build" / "debug" / "vintner"))
    if not binary.exists():
        pytest.exit(f"{binary} is not there: build first, or set VINTNER_BIN.", returncode=3)
    process = subprocess.Popen(
        [str(binary), "up", "--data", str(data), "--port", "0", "--tendrils", "1"],
        stdout=subprocess.PIPE, stderr=(data / "stderr.log").open("w"), text=True, bufsize=1, start_new_session=True,
    )
    seen: list[str] = []
    try:
        link = read_line(process, re.compile(r"(https?://\S+)/sign-in#token=(\S+)"), START_LIMIT, seen)
        url = link.group(1)
        yield Server(url, (data / "admin.token").read_text().strip(), link.group(0), process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if url := os.environ.get("VINTNER_URL"):
        yield Server(url.rstrip("/"), os.environ.get("VINTNER_TOKEN", ""), None)
        return
    with running(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[Server]:
    """A second installation on the same host."""
    data = tmp_path / "other"
    data.mkdir()
    with running(data) as server:
        yield server


# ---- the API


class Api:
    """Calls with the admin's token; an error answer fails the test with the server's own sentence."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {server.token}"

    def call(self, method: str, path: str, body: Any = None, ok: bool = True, **more: Any) -> requests.Response:
        answer = self.session.request(method, f"{self.url}{path}", json=body, timeout=30, **more)
        if ok:
            assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.call("POST", path, body)
        return answer.json() if answer.text else None

    def vine(self, main: str, project: str | None = None, stage: str = "test", **more: Any) -> Any:
        body = {
            "project_name": project or f"p-{uuid.uuid4().hex[:8]}", "environment_stage": stage, "region": "eu-west-1",
            "source": {"type": "inline", "files": {"main.tf": main}}, **more,
        }
        made = self.post("/api/vines", body)
        return {**body, **made}

    def job(self, kind: str, vine: str, **more: Any) -> Any:
        return self.post("/api/jobs", {"job_type": kind, "vine_id": vine, **more})

    def wait(self, job: str, *statuses: str, log: bool = False, limit: float = JOB_LIMIT) -> Any:
        """Until the job's status is one of `statuses` (any terminal one by default) and, if asked, its log is final."""
        wanted = statuses or ("SUCCESS", "FAILED", "CANCELLED")
        deadline = time.monotonic() + limit
        while True:
            record = self.get(f"/api/jobs/{job}")
            if record["status"] in wanted and (not log or record["log_state"] != "OPEN"):
                return record
            if record["status"] in ("SUCCESS", "FAILED", "CANCELLED") and record["status"] not in wanted:
                pytest.fail(f"job {job} is {record['status']}: {record.get('error_message')}")
            assert time.monotonic() < deadline, f"job {job} is still {record['status']}, log {record['log_state']}"
            time.sleep(0.1)

    def plan(self, vine: str) -> Any:
        return self.wait(self.job("PLAN", vine)["id"], "SUCCESS", log=True)

    def deploy(self, vine: str) -> Any:
        """Plans and applies; answers the DEPLOY as it was made."""
        return self.post(f"/api/jobs/{self.plan(vine)['id']}/apply", {})


@pytest.fixture(scope="session")
def api(server: Server) -> Api:
    return Api(server)


# ---- vines to run


class Gate:
    """A file that a local-exec waits for: the test decides when the job goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wait = f"while [ ! -e {path} ]; do sleep 0.05; done"

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[str], Gate]]:
    gates: list[Gate] = []
    # pytest's folders may be closed to others; an engine may run as another user.
    folder = Path(f"/tmp/gates-{uuid.uuid4().hex}")
    folder.mkdir(mode=0o755)

    def make(name: str = "go") -> Gate:
        gates.append(Gate(folder / name))
        return gates[-1]

    yield make
    for item in gates:
        item.open()
    time.sleep(0.2)  # so that what waits sees it before the folder goes
    shutil.rmtree(folder, ignore_errors=True)


def hcl(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{").replace("\n", "\\n")


def shell(command: str, name: str = "x", more: str = "") -> str:
    """A configuration whose apply runs `command`. What the command prints must be told from Terraform's echo of it."""
    return (
        f'resource "terraform_data" "{name}" {{\n  provisioner "local-exec" {{\n'
        f'    command = "{hcl(command)}"\n  }}\n}}\n{more}'
    )


@pytest.fixture(scope="session")
def planned(api: Api) -> Any:
    """A PLAN that has succeeded; for tests that only look."""
    vine = api.vine('resource "terraform_data" "a" {\n  count = 3\n  input = count.index\n}\n', project="planned")
    return {"vine": vine, "job": api.plan(vine["id"])}


@pytest.fixture(scope="session")
def deployed(api: Api) -> Any:
    """A DEPLOY of some hundred lines that has succeeded, with outputs, a sensitive one among them."""
    vine = api.vine(
        shell("for i in $(seq 1 400); do echo row-$i; done; echo needle-$((40 + 2))", more=(
            'output "place" {\n  value = "https://example.com/<b>bold</b>"\n}\n'
            'output "token" {\n  value     = base64decode("czNjcmV0LXZhbHVlLW5ldmVyLXNob3du")\n  sensitive = true\n}\n')),
        project="deployed")
    job = api.deploy(vine["id"])
    return {"vine": vine, "job": api.wait(job["id"], "SUCCESS", log=True)}


@pytest.fixture(scope="session")
def failed(api: Api) -> Any:
    """A DEPLOY that fails after some lines, with its diagnostic on STDERR."""
    vine = api.vine(shell("for i in $(seq 1 60); do echo before-$i; done; exit 3", name="broken"), project="failing")
    job = api.deploy(vine["id"])
    return {"vine": vine, "job": api.wait(job["id"], "FAILED", log=True)}


# ---- the browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"],
            headless="HEADED" not in os.environ,
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signs in as a person does, once, and keeps the session's cookie."""
    state = tmp_path_factory.mktemp("profile") / "state.json"
    context = browser.new_context()
    page = context.new_page()
    if server.sign_in:
        page.goto(server.sign_in)
    else:
        page.goto(f"{server.url}/sign-in")
        page.get_by_label("API token").fill(server.token)
        page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/jobs")
    context.storage_state(path=state)
    context.close()
    return state


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey[bool]()


class Watcher:
    """What must never happen on any page: a script error, a dialog, a breach of the content policy."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        # A test that cuts the network on purpose expects failed requests; nothing else is ever expected.
        self.network_may_fail = False

    def attach(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("dialog", self.dialog)
        page.on("console", self.console)

    def dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def console(self, message: Any) -> None:
        if message.type != "error":
            return
        if re.search("Failed to load resource|net::ERR|WebSocket connection to", message.text):
            if not self.network_may_fail:
                self.problems.append(f"request failed: {message.text} {message.location.get('url', '')}")
            return
        self.problems.append(f"console: {message.text}")


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def options() -> dict[str, Any]:
    """What a test's browser is like; a test may override it by parametrization."""
    return {}


@pytest.fixture
def context(
    browser: Browser, server: Server, signed_in: Path, watcher: Watcher, options: dict[str, Any],
    request: pytest.FixtureRequest, tmp_path: Path,
) -> Iterator[BrowserContext]:
    context = browser.new_context(**{
        "storage_state": signed_in, "base_url": server.url, "viewport": {"width": 1280, "height": 800},
        "locale": "en-GB", "timezone_id": "Europe/Berlin", **options,
    })
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    context.tracing.start(screenshots=True, snapshots=True)
    context.on("page", watcher.attach)
    yield context
    if request.node.stash.get(FAILED, False):
        for number, page in enumerate(context.pages):
            page.screenshot(path=tmp_path / f"page-{number}.png")
        context.tracing.stop(path=tmp_path / "trace.zip")
        print(f"screenshots and trace: {tmp_path}")
    else:
        context.tracing.stop()
    context.close()
    assert not watcher.problems, "\n".join(watcher.problems)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
