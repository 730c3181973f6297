"""L5, L10: the live connection, against a server that does what a test wants."""

import re
import time
import uuid
from pathlib import Path
from typing import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from fake_feed import FakeLog, FakeRealtime, Join, row, rows
from harness import Api, shell
from job_page import JobPage, until
from watcher import Watcher


@pytest.fixture(scope="module")
def held(api: Api) -> Iterator[str]:
    """A job that runs for as long as these tests need it."""
    go = Path(f"/tmp/held-{uuid.uuid4().hex}")
    job = api.deploy(api.vine(shell(f"while [ ! -e {go} ]; do sleep 0.1; done"))["id"])
    api.wait(job["id"], "PROCESSING")
    yield job["id"]
    go.touch()
    api.wait(job["id"], log=True)
    go.unlink()


class Live:
    """The held job's page; its log and its connection are the test's."""

    def __init__(self, context: BrowserContext, job: str) -> None:
        self.context = context
        self.server = FakeRealtime().serve(context)
        self.log = FakeLog(job, self.server.rows).serve(context)
        self.page = context.new_page()
        self.view = JobPage(self.page, job)
        self.feed = self.view.feed

    def open(self) -> "Live":
        self.view.open()
        return self

    def join(self, number: int, limit: float = 10) -> Join:
        return self.server.joined(self.page, number, limit)

    def lines(self) -> list[str]:
        return self.page.locator("[data-line] .tx").all_inner_texts()

    def shows(self, *texts: str) -> None:
        """Exactly these lines, and only they."""
        expect(self.page.locator("[data-line] .tx")).to_have_text(list(texts))

    def told(self, last: int) -> None:
        self.shows(*(f"told-{seq}" for seq in range(1, last + 1)))

    def ends(self) -> None:
        """The job's log gets no more rows, and the server tells that the job has changed."""
        record = self.context.request.get(f"/api/jobs/{self.view.job}").json()
        record.update(status="SUCCESS", log_state="COMPLETE", engine_state="GONE", completed_at=record["server_now"], server_now="2999-01-01T00:00:00.000Z")
        self.log.log_state = "COMPLETE"
        self.context.route(f"**/api/jobs/{self.view.job}", lambda route: route.fulfill(json=record))


@pytest.fixture
def live(context: BrowserContext, held: str, watcher: Watcher) -> Live:
    return Live(context, held)


# ---- joining, and what comes


def test_L5_asks_for_the_log_the_job_and_the_tendrils(live: Live, server) -> None:
    live.open()
    join = live.join(1)
    assert re.sub("^ws", "http", live.server.urls[0]) == f"{server.url}/realtime/v1/websocket?vsn=2.0.0"
    assert join.topic == f"realtime:job:{live.view.job}"
    assert join.bindings == [
        {"event": "INSERT", "schema": "public", "table": "provision_job_logs", "filter": f"job_id=eq.{live.view.job},seq=gt.0"},
        {"event": "*", "schema": "public", "table": "provision_jobs", "filter": f"id=eq.{live.view.job}"},
        {"event": "*", "schema": "public", "table": "workers"},
    ]
    expect(live.feed).to_have_text("Live")
    join.rows(*rows(1, 3))
    live.told(3)
    assert not live.log.asked, "a connection that stands needs no more than the end of the log that came with the page"
    assert len(live.server.urls) == 1


def test_L5_joins_after_what_the_page_has_fetched(live: Live) -> None:
    live.server.rows += rows(1, 5)
    live.open()
    assert live.join(1).after == 5
    live.told(5)
    live.server.joins[0].rows(row(6))
    live.told(6)


def test_L10_is_loading_until_the_last_row_of_the_join_is_there(live: Live) -> None:
    live.server.answers_joins = False
    live.open()
    join = live.join(1)
    join.accept(mark=4)
    join.rows(*rows(1, 3))
    live.told(3)
    # Quiet is not the end of it.
    live.page.wait_for_timeout(1500)
    expect(live.feed).to_have_text("Loading")
    join.rows(row(4))
    expect(live.feed).to_have_text("Live")


def test_L5_rows_that_come_twice_are_shown_once(live: Live) -> None:
    live.open()
    join = live.join(1)
    join.rows(*rows(1, 4), *rows(2, 6), *rows(1, 7))
    live.told(7)
    assert len(live.server.joins) == 1


def test_L5_resumes_after_the_newest_row(live: Live) -> None:
    live.server.rows += rows(1, 5)
    live.open()
    live.told(5)
    for turn in range(3):
        live.server.rows += rows(6 + 3 * turn, 8 + 3 * turn)
        live.server.cut()
        join = live.join(2 + turn)
        assert 5 + 3 * turn <= join.after <= 8 + 3 * turn
        live.told(8 + 3 * turn)
    refs = [join.ref for join in live.server.joins]
    assert len(set(refs)) == 4, refs
    expect(live.feed).to_have_text("Live")


def test_L4_a_server_that_sends_the_page_elsewhere_is_no_news(live: Live) -> None:
    """A node of several stops. Reconnecting is not shown before it takes too long, which a slow machine may need."""
    live.server.rows += rows(1, 5)
    live.open()
    live.told(5)
    began = live.page.evaluate("""() => {
        const text = document.querySelector("[data-feed-text]");
        window.shown = [];
        new MutationObserver(() => window.shown.push([performance.now(), text.textContent]))
            .observe(text, { childList: true, subtree: true, characterData: true });
        return performance.now();
    }""")
    live.server.rows += rows(6, 8)
    live.server.cut(1012)
    live.join(2)
    live.told(8)
    expect(live.feed).to_have_text("Live")
    early = [text for at, text in live.page.evaluate("shown") if at < began + 1400 and text != "Live"]
    assert not [text for text in early if "Reconnecting" in text], early


def test_L5_missing_rows_are_asked_for_again(live: Live) -> None:
    live.server.rows += rows(1, 5)
    live.open()
    live.told(5)
    live.server.rows += rows(6, 8)
    live.server.joins[0].rows(row(8))
    second = live.join(2)
    assert second.after == 5 and live.server.left == [live.server.joins[0].ref]
    live.told(8)
    assert len(live.server.urls) == 1, "the connection itself was good"


# Equal bindings have equal ids, whatever the join: then only its name tells a join from an earlier one.
@pytest.mark.parametrize("named, last", [(True, 0), (False, 5)], ids=["by its name", "by its binding"])
def test_L5_what_an_earlier_join_still_says_is_not_heard(live: Live, named: bool, last: int) -> None:
    live.open()
    first = live.join(1)
    first.names_changes = named
    live.server.rows += rows(1, last)
    first.rows(*rows(1, last))
    live.told(last)
    live.server.answers_joins = False
    first.rows(row(last + 3))
    second = live.join(2)
    assert (first.ids[0] == second.ids[0]) == named
    first.rows(row(last + 1, "of the old join"))
    second.accept(mark=last)
    first.rows(row(last + 1, "of the old join"), row(last + 2, "of the old join"))
    first.close()
    second.rows(*rows(last + 1, last + 2))
    live.told(last + 2)
    assert len(live.server.joins) == 2


def test_L5_shows_missing_rows(live: Live) -> None:
    live.server.rows += rows(1, 5)
    live.open()
    live.told(5)
    live.server.rows += [row(8), row(9)]
    live.server.joins[0].rows(row(8))
    expect(live.view.with_text("told-9")).to_be_visible()
    assert [join.after for join in live.server.joins] == [5, 5, 5, 5]
    expect(live.view.line(6)).to_have_text(re.compile("This line is missing"))
    live.ends()
    live.server.joins[-1].change("provision_jobs", {"id": live.view.job}, "UPDATE")
    expect(live.feed).to_have_text("Incomplete")
    expect(live.page.locator("[data-log-note]")).to_contain_text("Some lines are missing")


def test_L5_ends_when_the_job_does_and_leaves_the_connection(live: Live) -> None:
    live.server.rows += rows(1, 5)
    live.open()
    live.told(5)
    # The last row is in the log, but is not told.
    live.server.rows += [row(6)]
    live.ends()
    begun = time.monotonic()
    live.server.joins[0].change("provision_jobs", {"id": live.view.job, "log_state": "COMPLETE"}, "UPDATE")
    expect(live.feed).to_contain_text("Complete, 6 lines")
    assert time.monotonic() - begun < 2, "told, and yet it waited for a poll"
    live.told(6)
    until(live.page, lambda: live.server.closed == [1000], "the connection is left")
    live.page.wait_for_timeout(1500)
    assert len(live.server.urls) == 1


def test_L10_a_tendrils_heartbeat_is_told(live: Live, api: Api) -> None:
    live.open()
    join = live.join(1)
    strip = live.page.locator("[data-strip]")
    worker = api.get(f"/api/jobs/{live.view.job}")["worker_id"]
    expect(strip).to_contain_text(re.compile(r"heartbeat \d+ s ago"))
    join.change("workers", {"id": str(uuid.uuid4()), "status": "OFFLINE", "last_seen_at": "2020-01-01T00:00:00Z"}, "UPDATE")
    join.change("workers", {"id": worker, "status": "OFFLINE", "last_seen_at": "2020-01-01T00:00:00Z"}, "UPDATE")
    expect(strip).to_contain_text("No contact with tendril-1 for")


# ---- breaking


def test_L10_a_heartbeat_without_an_answer_is_a_dead_connection(live: Live) -> None:
    live.server.rows += rows(1, 5)
    live.page.clock.install()
    live.open()
    live.told(5)

    def let(seconds: int) -> None:
        for _ in range(seconds):
            live.page.clock.run_for(1000)
            live.page.wait_for_timeout(60)  # for answers, which come in real time

    let(3)
    until(live.page, lambda: len(live.server.heartbeats) >= 1, "silence is looked into")
    let(15)
    asked = len(live.server.heartbeats)
    assert 3 <= asked <= 10, "asked now and then"
    assert len(live.server.urls) == 1, "it was answered"
    live.server.answers_heartbeats = False
    let(3)
    until(live.page, lambda: len(live.server.heartbeats) > asked, "another heartbeat")
    live.server.rows += rows(6, 7)
    let(6)
    assert live.join(2).after in (5, 7)
    live.told(7)


def test_L10_detects_dead_connection_after_sleep(live: Live) -> None:
    live.server.rows += rows(1, 5)
    live.open()
    live.told(5)
    live.server.answers_heartbeats = False
    live.page.wait_for_timeout(100)
    live.page.evaluate("document.dispatchEvent(new Event('resume'))")
    until(live.page, lambda: len(live.server.heartbeats) == 1, "asks whether somebody is there")
    live.server.rows += rows(6, 7)
    live.join(2)
    live.told(7)
    assert len(live.server.urls) == 2


def test_L10_rejoins_with_backoff(live: Live) -> None:
    live.open()
    for number in range(1, 6):
        join = live.join(number)
        join.system("error", "Too many messages per second")
        join.close()
    live.join(6, limit=15)
    assert len(live.server.urls) == 1, "the connection itself was good"
    at = [join.at for join in live.server.joins]
    waits = [later - earlier for earlier, later in zip(at, at[1:])]
    # The waits are 0.5 s, 1 s, 2 s and so on, up to half of them less by chance.
    for number, wait in enumerate(waits):
        assert 0.25 * 2 ** number - 0.02 <= wait <= 0.5 * 2 ** number + 1, waits
    live.server.joins[-1].rows(row(1))
    live.told(1)
    expect(live.feed).to_have_text("Live")


def test_L10_retries_at_once_when_the_network_is_back(live: Live, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    live.server.rows += rows(1, 5)
    live.open()
    live.told(5)
    live.join(1)
    live.log.refusal = 503
    live.server.is_cut = True
    live.server.cut()
    expect(live.feed).to_contain_text("Reconnecting")
    until(live.page, lambda: len(live.server.urls) >= 4, "tries", limit=15)
    live.server.is_cut = False
    tried = len(live.server.urls)
    live.page.evaluate("dispatchEvent(new Event('online'))")
    live.page.wait_for_timeout(300)
    assert len(live.server.urls) > tried
    expect(live.feed).to_have_text("Live")


# ---- blocked


@pytest.mark.parametrize("how", ["closed at once", "never answered", "forbidden"])
def test_L10_lines_come_by_polling_where_connections_are_blocked(live: Live, how: str) -> None:
    if how == "closed at once":
        live.server.is_cut = True
    elif how == "never answered":
        live.server.answers_joins = False
    else:
        live.page.add_init_script("window.RealSocket = WebSocket; window.WebSocket = class { constructor() { throw new DOMException('blocked', 'SecurityError'); } };")
    live.server.rows += rows(1, 30)
    live.page.clock.install()
    live.open()
    expect(live.feed).to_have_text("Live (polling)")
    expect(live.page.locator(".feed .state")).to_have_attribute("title", re.compile("asks for new lines every second"))
    for last in (31, 32, 33):
        live.server.rows += [row(last)]
        expect(live.view.with_text(f"told-{last}")).to_be_visible(timeout=2500)
    live.told(33)
    if how == "closed at once":
        tried = len(live.server.urls)
        live.page.clock.fast_forward(20_000)
        live.page.wait_for_timeout(500)
        assert len(live.server.urls) == tried, "a blocked connection is tried seldom"
        live.server.is_cut = False
        live.page.clock.fast_forward(46_000)
        live.join(1)
        expect(live.feed).to_have_text("Live")
        asked = len(live.log.asked)
        live.server.rows += [row(34)]
        live.server.joins[-1].rows(row(34))
        live.told(34)
        live.page.wait_for_timeout(2500)
        assert len(live.log.asked) <= asked + 1, "it polls no more"
    live.ends()
    if how == "closed at once":
        live.server.joins[-1].change("provision_jobs", {"id": live.view.job}, "UPDATE")
    expect(live.feed).to_contain_text("Complete")


def test_L10_polling_that_gets_no_answer_is_not_called_live(live: Live, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    live.server.is_cut = True
    live.server.rows += rows(1, 3)
    live.open()
    expect(live.feed).to_have_text("Live (polling)")
    live.log.refusal = 503
    expect(live.feed).to_contain_text("Reconnecting")
    live.log.refusal = 0
    live.server.rows += rows(4, 5)
    expect(live.feed).to_have_text("Live (polling)", timeout=20_000)
    live.told(5)


@pytest.mark.parametrize("status, said", [(401, "Signed out"), (404, "No longer available")])
def test_L10_a_refusal_is_said_and_not_asked_again(live: Live, watcher: Watcher, status: int, said: str) -> None:
    watcher.network_may_fail = True
    live.server.rows += rows(1, 3)
    live.open()
    live.told(3)
    live.log.refusal = status
    live.server.is_cut = True
    live.server.joins[0].system("error", "Token has expired 1 seconds ago")
    live.server.joins[0].close()
    expect(live.feed).to_have_text(said)
    tried, asked = len(live.server.urls), len(live.log.asked)
    live.page.wait_for_timeout(2500)
    assert (len(live.server.urls), len(live.log.asked), len(live.server.joins)) == (tried, asked, 1)
    assert live.server.closed == [1000]


# ---- lists


def test_jobs_list_reloads_on_change_and_polls_slowly(context: BrowserContext, held: str) -> None:
    told = FakeRealtime().serve(context)
    page = context.new_page()
    asked: list[float] = []
    page.on("request", lambda request: asked.append(time.monotonic()) if "/api/jobs?" in request.url else None)
    page.goto("/dashboard/jobs")
    join = told.joined(page, 1)
    assert join.bindings == [{"event": "*", "schema": "public", "table": "provision_jobs"}]
    page.wait_for_timeout(500)
    first = len(asked)
    assert first >= 1, "what changed before it was told is not asked for"
    page.wait_for_timeout(4500)
    assert len(asked) == first, "a list that is told polls seldom"
    begun = time.monotonic()
    for _ in range(40):
        join.change("provision_jobs", {"id": held}, "UPDATE")
        page.wait_for_timeout(25)
    spent = time.monotonic() - begun
    page.wait_for_timeout(800)
    assert 3 <= len(asked) - first <= spent / 0.3 + 2, asked
    last = len(asked)
    told.is_cut = True
    told.cut()
    until(page, lambda: len(asked) > last, "a list that is not told polls", limit=5)


def test_tendrils_list_asks_anew_when_told(context: BrowserContext) -> None:
    told = FakeRealtime().serve(context)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/workers?" in request.url else None)
    page.goto("/dashboard/tendrils")
    join = told.joined(page, 1)
    assert join.bindings == [{"event": "*", "schema": "public", "table": "workers"}]
    page.wait_for_timeout(500)
    first = len(asked)
    join.change("workers", {"id": "x", "status": "ONLINE"}, "UPDATE")
    until(page, lambda: len(asked) == first + 1, "what it was told of", limit=2)


def test_a_list_that_is_refused_leaves_the_connection(context: BrowserContext, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    told = FakeRealtime().serve(context)
    page = context.new_page()
    page.goto("/dashboard/jobs")
    join = told.joined(page, 1)
    context.route("**/api/jobs?*", lambda route: route.fulfill(status=401, json={"error": "Signed out."}))
    join.change("provision_jobs", {"id": "x"}, "UPDATE")
    until(page, lambda: told.closed == [1000], "the connection is left")
