"""Fixtures of the browser tests: one server and one signed-in profile per worker, one page per test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from harness import Api, Gates, RemoteServer, Server, shell
from harness.chromium import chromium, sign_in_by_link, sign_in_by_token
from harness.fixtures import api
from watcher import Watcher

__all__ = ["api"]

expect.set_options(timeout=10_000)

FAILED = pytest.StashKey[bool]()
# A trace records every frame and action, which makes the tests slower.
TRACE = "TRACE" in os.environ
# These files take longest. They run first, so that at the end no worker is still busy with one of them.
SLOW_FILES = [
    "test_accessibility.py", "test_job_truth.py", "test_long_log.py", "test_live_jobs.py", "test_last_resort.py",
    "test_vine_list.py", "test_job_log.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return SLOW_FILES.index(item.path.name) if item.path.name in SLOW_FILES else len(SLOW_FILES)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | RemoteServer]:
    if url := os.environ.get("VINTNER_URL"):
        yield RemoteServer(url.rstrip("/"), os.environ.get("VINTNER_TOKEN", ""))
        return
    with Server(tmp_path_factory.mktemp("server") / "data", "--tendrils", "1") as server:
        yield server


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[Server]:
    """A second installation on the same host."""
    with Server(tmp_path / "other", "--tendrils", "1") as server:
        yield server


# ---- jobs


@pytest.fixture
def gate() -> Iterator[Gates]:
    gates = Gates()
    yield gates
    gates.close()


@pytest.fixture(scope="session")
def planned(api: Api) -> Any:
    """A PLAN with SUCCESS, for read-only tests."""
    vine = api.vine('resource "terraform_data" "a" {\n  count = 3\n  input = count.index\n}\n', project="planned")
    return {"vine": vine, "job": api.plan(vine["id"])}


@pytest.fixture(scope="session")
def deployed(api: Api) -> Any:
    """A DEPLOY with SUCCESS, some hundred lines, and outputs, of which one is sensitive."""
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
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def signed_in(browser: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signs in once, like a user, and keeps the session's cookie."""
    state = tmp_path_factory.mktemp("profile") / "state.json"
    context = browser.new_context()
    if server.link:
        sign_in_by_link(context, server.link)
    else:
        sign_in_by_token(context, server.url, server.token)
    context.storage_state(path=state)
    context.close()
    return state


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def options() -> dict[str, Any]:
    """Further options of the browser's context; a test overrides them by parametrization."""
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
    if TRACE:
        context.tracing.start(screenshots=True, snapshots=True)
    context.on("page", watcher.attach)
    yield context
    is_failed = request.node.stash.get(FAILED, False)
    if is_failed:
        for number, page in enumerate(context.pages):
            page.screenshot(path=tmp_path / f"page-{number}.png")
            (tmp_path / f"page-{number}.html").write_text(page.content())
        print(f"the pages at the time of the failure: {tmp_path}")
    if TRACE:
        context.tracing.stop(path=tmp_path / "trace.zip" if is_failed else None)
    context.close()
    assert not watcher.problems, "\n".join(watcher.problems)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
