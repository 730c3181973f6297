"""L5, L10: the live connection of the real server, with real jobs."""

import re
import time

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute, expect

from fake_feed import SOCKETS
from harness import Api, Gate, Server, shell
from job_page import JobPage, until
from watcher import Watcher


@pytest.fixture
def growing(api: Api, gate):
    """A DEPLOY that prints 20 lines a second until the gate opens."""
    go: Gate = gate("stop")
    job = api.deploy(api.vine(shell(
        f"i=0; while [ ! -e {go.path} ]; do i=$((i+1)); echo row-$i; sleep 0.05; done; echo end-$((40 + 2))"))["id"])
    api.wait(job["id"], "PROCESSING")
    return job["id"], go


def printed(view: JobPage) -> list[int]:
    """The numbers of all rows of the whole log, as one who reads it sees them."""
    return [int(found.group(1)) for text in view.read() if (found := re.search(r"\): row-(\d+)", text))]


def assert_whole(view: JobPage, api: Api) -> None:
    """Every line of the job, once and in order."""
    text = api.call("GET", f"/api/jobs/{view.job}/logs?ansi=0", headers={"Accept": "text/plain"}).text
    view.page.bring_to_front()
    assert view.read() == text.rstrip("\n").split("\n")


# Small, still, and few lines: twelve pages are drawn by one machine.
@pytest.mark.parametrize("options", [{"viewport": {"width": 500, "height": 400}, "reduced_motion": "reduce"}], ids=["small"])
def test_L5_twelve_tabs_on_one_job_are_all_live(context: BrowserContext, api: Api, gate, options) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(
        f"i=0; while [ ! -e {go.path} ]; do i=$((i+1)); echo row-$i; sleep 0.5; done; echo end-$((40 + 2))"))["id"])["id"]
    api.wait(job, "PROCESSING")
    views = [JobPage(context.new_page(), job).open() for _ in range(12)]
    for view in views:
        expect(view.feed).to_have_text("Live")
    # Each of them has lines that were printed when all of them were open.
    number = max(int(view.with_text("): row-").last.inner_text().rsplit("-", 1)[1]) for view in views)
    for view in views:
        view.printed(number + 4, timeout=10_000)
        expect(view.feed).to_have_text("Live")
    assert api.get(f"/api/jobs/{job}")["status"] == "PROCESSING", "they were to be live while it ran"
    go.open()
    for view in views:
        view.is_complete()
        assert_whole(view, api)


def test_L5_a_connection_that_is_cut_loses_and_doubles_nothing(context: BrowserContext, api: Api, growing, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    job, go = growing
    cuts: list[WebSocketRoute] = []
    asked: list[int] = []

    def through(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def sent(text: str) -> None:
            if found := re.search(r"seq=gt\.(\d+)", text):
                asked.append(int(found.group(1)))
            server.send(text)

        socket.on_message(sent)
        cuts.append(socket)

    context.route_web_socket(SOCKETS, through)
    view = JobPage(context.new_page(), job).open()
    for turn in range(3):
        expect(view.feed).to_have_text("Live")
        view.printed(20 + 40 * turn)
        cuts[-1].close(code=1011)
        until(view.page, lambda: len(asked) == turn + 2, "it joins again")
    view.printed(160)
    assert asked == sorted(set(asked)), asked
    assert api.get(f"/api/jobs/{job}")["status"] == "PROCESSING"
    go.open()
    view.is_complete()
    assert_whole(view, api)


def test_L5_a_page_that_is_opened_late_has_it_all(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(f"seq -f 'row-%.0f' 1 5000; {go.wait}; echo row-5001"))["id"])
    limit = time.monotonic() + 60
    while api.get(f"/api/jobs/{job['id']}/logs/lines?from=1&count=1")["total"] < 5000:
        assert time.monotonic() < limit, "it does not print"
        time.sleep(0.2)
    view = JobPage(page, job["id"]).open()
    expect(view.feed).to_have_text("Live")
    view.wait_at_end()
    expect(view.pill).to_be_hidden()
    assert printed(view) == list(range(1, 5001))
    go.open()
    view.is_complete()
    assert_whole(view, api)


def test_L5_a_log_that_is_final_needs_no_connection(page: Page, api: Api, deployed) -> None:
    opened: list[str] = []
    page.on("websocket", lambda socket: opened.append(socket.url))
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    assert_whole(view, api)
    page.wait_for_timeout(1500)
    assert not opened


def test_L5_the_connection_is_left_when_the_log_ends(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket))
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(view.feed).to_have_text("Live")
    go.open()
    view.is_complete()
    until(page, lambda: [socket.is_closed() for socket in sockets] == [True], "one connection, and that is closed")


def test_jobs_list_shows_a_change_without_waiting_for_a_poll(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    api.wait(job["id"], "PROCESSING")
    told: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: told.append(str(text))))
    page.goto("/dashboard/jobs")
    until(page, lambda: any("Subscribed" in text for text in told), "it is told of changes")
    row = page.locator("tr", has_text=job["id"][:8])
    expect(row.locator('[data-job-status="PROCESSING"]')).to_be_visible()
    page.wait_for_timeout(1000)
    go.open()
    api.wait(job["id"], "SUCCESS")
    # Told of changes, it polls every 15 s.
    expect(row.locator('[data-job-status="SUCCESS"]')).to_be_visible(timeout=2000)


def test_jobs_list_shows_a_new_job_without_waiting_for_a_poll(page: Page, api: Api, gate) -> None:
    go = gate()
    told: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: told.append(str(text))))
    vine = api.vine(shell(go.wait))
    page.goto("/dashboard/jobs")
    until(page, lambda: any("Subscribed" in text for text in told), "it is told of changes")
    page.wait_for_timeout(1000)
    job = api.job("PLAN", vine["id"])
    expect(page.locator("tr", has_text=job["id"][:8])).to_be_visible(timeout=2000)
    go.open()


def test_tendrils_list_shows_a_new_one_without_waiting_for_a_poll(page: Page, api: Api) -> None:
    told: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: told.append(str(text))))
    page.goto("/dashboard/tendrils")
    until(page, lambda: any("Subscribed" in text for text in told), "it is told of changes")
    page.wait_for_timeout(1000)
    name = f"told-{time.time_ns()}"
    api.post("/api/workers", {"name": name})
    expect(page.locator("tr", has_text=name)).to_be_visible(timeout=2000)


def test_L10_a_session_that_ends_elsewhere_ends_the_feed(browser: Browser, server: Server, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    api.wait(job["id"], "PROCESSING")
    context = browser.new_context(base_url=server.url)  # its own session, to lose
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("API token").fill(server.token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/jobs")
    view = JobPage(context.new_page(), job["id"]).open()
    expect(view.feed).to_have_text("Live")
    answer = page.evaluate(
        """async () => (await fetch('/sign-out', { method: 'POST',
             headers: { 'X-CSRF-Token': document.querySelector('meta[name=csrf-token]').content } })).status""")
    assert answer == 200
    expect(view.feed).to_have_text("Signed out", timeout=60_000)
    expect(view.page.locator("[data-log-note]")).to_contain_text("Sign in again")
    go.open()
    context.close()
