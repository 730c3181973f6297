"""L2–L10 on logs that no page can hold: windows of them, and what lies between."""

import re
from typing import Any, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from fake_feed import SOCKETS
from harness import Api, SimulatedJob, SimulatedTendril
from job_page import JobPage
from watcher import Watcher

LINES = 1_000_000
PART = 500
# For the search of a million lines by a debug build on a busy machine.
SCAN = 30_000


def parts() -> Iterator[tuple[str, list[str]]]:
    """A million lines on STDOUT; a warning after every 200,000, an error near the start, a colour that is never ended."""
    for first in range(1, LINES, PART):
        lines = [f"line {n} of a long log" for n in range(first, first + PART)]
        if first == 50_001:
            lines[0] += " with a needle in it"
        if first == 900_001:
            lines[250] = "\x1b[35mfrom here on it is magenta"
        yield "STDOUT", lines
        if first == 5001:
            yield "STDERR", ["╷", "│ Error: it broke", "│ near the start", "╵"]
        if first % 200_000 == 1:
            yield "STDERR", ["╷", f"│ Warning: after {first + PART - 1}", "╵"]


@pytest.fixture(scope="session")
def million(api: Api) -> str:
    job = SimulatedTendril(api).start()
    job.append_parts(parts())
    return job.end().id


def lines_asked(page: Page) -> list[str]:
    """The questions about lines that the page asks from now on."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/logs/lines?" in request.url and "streams=SYSTEM" not in request.url:
            asked.append(request.url.split("?")[1])

    page.on("request", note)
    return asked


def settled(view: JobPage) -> None:
    """Until all rows that are mounted have come."""
    view.page.wait_for_function("() => document.querySelector('[data-line]') && !document.querySelector('[data-wait]')")


def shows_the_log(view: JobPage, api: Api) -> None:
    """What is in view is what the log has there, and not too much is mounted."""
    settled(view)
    where = view.scroll()
    assert 0 < where["mounted"] <= 300
    found = view.log.locator("[data-line]").evaluate_all("rows => rows.map(row => [Number(row.dataset.line), row.querySelector('.tx').textContent])")
    window = api.get(f"/api/jobs/{view.job}/logs/lines?from={found[0][0]}&count={len(found)}")["lines"]
    assert found == [[line["n"], line["text"]] for line in window]


def drag(view: JobPage, share: float) -> None:
    """The thumb of the scroll bar is put there."""
    view.log.evaluate(
        """async (log, share) => {
          log.scrollTop = (log.scrollHeight - log.clientHeight) * share;
          // Until the page has heard of it.
          for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame);
        }""", share)


# ---- opening, and getting about


def test_L6_a_million_lines_open_at_the_end(page: Page, api: Api, million: str) -> None:
    asked = lines_asked(page)
    view = JobPage(page, million).open().is_complete()
    expect(view.feed).to_contain_text("1,000,0")
    view.wait_at_end()
    shows_the_log(view, api)
    total = api.get(f"/api/jobs/{million}/logs/lines?from=1&count=1")["total"]
    assert view.scroll()["last"] == total
    assert view.log.evaluate("log => log.scrollHeight") < 9_000_000
    assert not asked, "the page came with its first window"


def test_L6_every_place_is_reached_and_the_ends_are_exact(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open().is_complete()
    total = view.scroll()["last"]
    for share in (0.5, 0.1, 0.9, 0.001, 1):
        drag(view, share)
        shows_the_log(view, api)
        middle = view.line_under(200)
        assert abs(middle / total - share) < 0.01, (share, middle)
    view.log.press("Home")
    shows_the_log(view, api)
    assert view.scroll()["first"] == 1 and view.scroll()["top"] == 0
    view.log.press("End")
    shows_the_log(view, api)
    assert view.is_at_end() and view.scroll()["last"] == total


def test_L6_scrolling_by_hand_moves_by_pixels_wherever_it_is(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open("#L500000").is_complete()
    settled(view)
    view.point_at_log()
    here = view.line_under(100)
    for turn in range(1, 6):
        page.mouse.wheel(0, -400)
        page.wait_for_function(
            """n => { const log = document.querySelector('[role=log]'), box = log.getBoundingClientRect();
                return Number(document.elementFromPoint(box.x + 200, box.y + 100)?.closest('[data-line]')?.dataset.line) === n; }""",
            arg=here - 20 * turn)
    # At rest the thumb gets its true place again: nothing is seen of it.
    under = view.line_under(100)
    page.wait_for_timeout(400)
    assert view.line_under(100) == under
    shows_the_log(view, api)


def test_L6_by_hand_to_both_ends(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open("#L4000").is_complete()
    settled(view)
    view.point_at_log()
    for _ in range(10):
        page.mouse.wheel(0, -10_000)
        page.wait_for_timeout(50)
    expect(view.line(1)).to_be_in_viewport()
    assert view.scroll()["top"] == 0
    total = api.get(f"/api/jobs/{million}/logs/lines?from=1&count=1")["total"]
    page.keyboard.press("g")
    page.keyboard.type(str(total - 3000))
    page.keyboard.press("Enter")
    settled(view)
    for _ in range(8):
        page.mouse.wheel(0, 10_000)
        page.wait_for_timeout(50)
    view.wait_at_end()
    expect(view.line(total)).to_be_in_viewport()
    expect(view.follow).to_have_attribute("aria-pressed", "true")


def test_L6_a_thumb_that_is_dragged_asks_where_it_rests(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open().is_complete()
    asked = lines_asked(page)
    view.log.evaluate(
        """async log => {
          const most = log.scrollHeight - log.clientHeight;
          for (let i = 100; i >= 30; i -= 1) { log.scrollTop = most * i / 100; await new Promise(requestAnimationFrame); }
        }""")
    shows_the_log(view, api)
    assert 1 <= len(asked) <= 8, asked


def test_L6_evicts_passed_rows(page: Page, million: str) -> None:
    view = JobPage(page, million).open("#L1").is_complete()
    for number in range(1, 56):
        drag(view, number / 56)
        settled(view)
    assert view.scroll()["mounted"] <= 300
    asked = lines_asked(page)
    drag(view, 0)
    settled(view)
    assert asked, "the first window was given up in the meantime"


# ---- finding


def test_L7_a_text_near_the_start_is_found(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open().is_complete()
    page.keyboard.press("Control+f")
    expect(view.find).to_be_focused()
    page.keyboard.type("NEEDLE in")
    expect(view.hits).to_have_text("1 of 1", timeout=SCAN)
    expect(view.log.locator("mark.now")).to_have_text("needle in")
    expect(view.log.locator("mark.now")).to_be_in_viewport()
    shows_the_log(view, api)
    view.find.fill("zero of them")
    expect(view.hits).to_have_text("no hits", timeout=SCAN)


def test_L7_more_hits_than_are_counted(page: Page, million: str) -> None:
    view = JobPage(page, million).open().is_complete()
    view.find.fill("long log")
    expect(view.hits).to_have_text("100,000 of 100,000+", timeout=SCAN)
    view.find.press("Enter")
    expect(view.hits).to_have_text("1 of 100,000+")
    expect(view.log.locator("mark.now")).to_be_in_viewport()
    expect(page.locator("[data-find-note]")).to_contain_text("hits")


def test_L7_the_browsers_own_search_is_a_second_press_away(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    page.evaluate("window.kept = []; addEventListener('keydown', event => kept.push(event.defaultPrevented))")
    page.keyboard.press("Control+f")
    expect(view.find).to_be_focused()
    page.keyboard.press("Control+f")
    assert page.evaluate("kept.filter((_, i) => i % 2)") == [True, False]  # the Control key itself comes before each


def test_L9_keys_go_to_errors_and_warnings(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open().is_complete()
    outline = api.get(f"/api/jobs/{million}/logs/outline")
    assert len(outline["errors"]) == 1 and len(outline["warnings"]) == 5
    expect(page.locator("[data-ruler] i.err")).to_have_count(1)
    page.keyboard.press("e")
    expect(view.log.locator("[data-at]")).to_have_attribute("data-line", str(outline["errors"][0]))
    expect(view.log.locator("[data-at]")).to_contain_text("Error: it broke")
    view.log.press("Home")
    for number in outline["warnings"][:3]:
        page.keyboard.press("a")
        expect(view.log.locator("[data-at]")).to_have_attribute("data-line", str(number))
    page.keyboard.press("A")
    expect(view.log.locator("[data-at]")).to_have_attribute("data-line", str(outline["warnings"][1]))
    shows_the_log(view, api)


def test_L2_colours_go_on_wherever_a_window_begins(page: Page, million: str) -> None:
    view = JobPage(page, million).open("#L950000").is_complete()
    row = view.line(950_000).locator(".tx > span")
    expect(row).to_have_class("c35")
    drag(view, 0.5)
    settled(view)
    expect(view.log.locator(".tx > span")).to_have_count(0)


# ---- taking


def test_L8_a_range_across_windows_is_copied_whole(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open("#L400000").is_complete()
    expect(view.log.locator("[data-sel]")).to_have_count(1)
    page.keyboard.press("g")
    page.keyboard.type("405 000")
    page.keyboard.press("Enter")
    view.line(405_000).locator(".no").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile("#L400000-L405000$"))
    page.keyboard.press("c")
    expect(view.announced()).to_have_text("Copied 5,001 lines")
    lines = api.get(f"/api/jobs/{million}/logs/lines?from=400000&count=5000")["lines"]
    copied = view.clipboard().split("\n")
    assert len(copied) == 5002 and copied[:5000] == [line["text"] for line in lines]


def test_L8_offers_download_for_large_copy(page: Page, million: str) -> None:
    view = JobPage(page, million).open().is_complete()
    page.keyboard.press("c")
    notice = page.locator(".toast")
    expect(notice).to_contain_text("Too large for the clipboard", timeout=20_000)
    with page.expect_download() as download:
        notice.get_by_role("link", name="Download it instead").click()
    assert download.value.path().read_text().count("\n") > LINES


def test_L8_permalink_opens_its_window_at_once(page: Page, api: Api, million: str) -> None:
    asked = lines_asked(page)
    view = JobPage(page, million).open("#L123456-L123460").is_complete()
    expect(view.log.locator("[data-sel]")).to_have_count(5)
    expect(view.line(123_456)).to_be_in_viewport()
    expect(view.follow).to_have_attribute("aria-pressed", "false")
    shows_the_log(view, api)
    assert len(asked) == 1, asked


def test_L8_streams_of_a_long_log(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open("#L300000").is_complete()
    settled(view)
    before = view.line_under(10)
    chips = page.get_by_role("group", name="Streams")
    chips.get_by_role("button", name="stdout").click()
    settled(view)
    rows = view.log.locator("[data-line]").evaluate_all("rows => rows.map(row => Number(row.dataset.line))")
    shown = api.get(f"/api/jobs/{million}/logs/lines?streams=STDERR,SYSTEM&count=1000")
    assert rows == [line["n"] for line in shown["lines"]] and len(rows) == shown["rows"]
    page.keyboard.press("e")
    expect(view.log.locator("[data-at]")).to_contain_text("Error: it broke")
    chips.get_by_role("button", name="stdout").click()
    chips.get_by_role("button", name="stderr").click()
    settled(view)
    # Nearly all that there is, a little moved: numbers stay true.
    page.keyboard.press("g")
    page.keyboard.type(str(before))
    page.keyboard.press("Enter")
    expect(view.line(before)).to_be_in_viewport()
    settled(view)
    found = view.log.locator("[data-line]").evaluate_all("rows => rows.map(row => [Number(row.dataset.line), row.querySelector('.tx').textContent])")
    window = api.get(f"/api/jobs/{million}/logs/lines?from={found[0][0]}&count={len(found)}&streams=STDOUT,SYSTEM")["lines"]
    assert found == [[line["n"], line["text"]] for line in window]
    # A diagnostic is shown whatever is hidden.
    page.keyboard.press("e")
    expect(view.log.locator("[data-at]")).to_contain_text("Error: it broke")
    expect(chips.get_by_role("button", name="stderr")).to_have_attribute("aria-pressed", "true")


def test_L8_the_place_is_kept_when_streams_come_and_go(page: Page, million: str) -> None:
    view = JobPage(page, million).open("#L700000").is_complete()
    settled(view)
    before = view.line_under(10)
    stderr = page.get_by_role("group", name="Streams").get_by_role("button", name="stderr")
    for _ in range(2):
        stderr.click()
        page.wait_for_function(
            """n => { const log = document.querySelector('[role=log]'), box = log.getBoundingClientRect();
                return Number(document.elementFromPoint(box.x + 200, box.y + 10)?.closest('[data-line]')?.dataset.line) === n; }""", arg=before)


def test_L8_wrapped_rows_hold_still_when_their_lines_come(page: Page, api: Api, million: str) -> None:
    view = JobPage(page, million).open("#L600000").is_complete()
    view.button("Wrap lines").click()
    shows_the_log(view, api)
    for share in (0.3, 0.8):
        drag(view, share)
        shows_the_log(view, api)
        view.point_at_log()
        here = view.line_under(100)
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(400)
        assert here - 12 <= view.line_under(100) < here
    view.log.press("End")
    view.wait_at_end()
    shows_the_log(view, api)


# ---- while it grows


@pytest.fixture
def simulated(api: Api) -> Iterator[SimulatedJob]:
    job = SimulatedTendril(api).start()
    yield job
    job.end()


def test_L4_nothing_moves_under_the_reader_of_a_long_log_that_grows(page: Page, simulated: SimulatedJob) -> None:
    simulated.append_lines(f"line {n}" for n in range(1, 450_001))
    view = JobPage(page, simulated.id).open("#L200000")
    settled(view)
    expect(view.feed).to_have_text("Live")
    under = view.line_under(150)
    for turn in range(5):
        simulated.append_lines(f"more {turn} {n}" for n in range(2000))
        expect(view.pill).to_have_text(re.compile(f"{2000 * (turn + 1):,} new lines"))
        assert view.line_under(150) == under
    # At the very end, but let go: what comes is below, and can be scrolled to.
    view.log.press("End")
    view.wait_at_end()
    view.log.press("ArrowUp")
    under = view.line_under(150)
    simulated.append_lines(f"last {n}" for n in range(3000))
    expect(view.pill).to_have_text(re.compile("3,000 new lines"))
    assert view.line_under(150) == under
    view.point_at_log()
    page.mouse.wheel(0, 100_000)
    view.wait_at_end()
    expect(view.with_text("last 2999")).to_be_in_viewport()


def test_L5_a_tab_opened_late_has_the_end_at_once_and_goes_on(page: Page, simulated: SimulatedJob, api: Api) -> None:
    simulated.append_lines(["\x1b[32mgreen from here on"])
    simulated.append_lines(f"line {n}" for n in range(1, 300_001))
    asked = lines_asked(page)
    view = JobPage(page, simulated.id).open()
    expect(view.with_text("line 300000")).to_be_in_viewport()
    expect(view.feed).to_have_text("Live")
    simulated.append_lines(f"live {n}" for n in range(1, 4))
    expect(view.with_text("live 3")).to_be_in_viewport()
    # The feed goes on in the colour that the window ended with.
    expect(view.with_text("live 3").locator(".tx > span")).to_have_class("c32")
    shows_the_log(view, api)
    expect(view.pill).to_be_hidden()
    assert len(asked) <= 1, asked


def test_L5_skips_long_absence(context: BrowserContext, simulated: SimulatedJob, api: Api, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    cut = False
    sockets: list[Any] = []
    joined: list[int] = []

    def through(socket: Any) -> None:
        if cut:
            socket.close(code=1011)
            return
        server = socket.connect_to_server()

        def sent(message: Any) -> None:
            if found := re.search(r"seq=gt\.(\d+)", str(message)):
                joined.append(int(found.group(1)))
            server.send(message)

        socket.on_message(sent)
        sockets.append(socket)

    context.route_web_socket(SOCKETS, through)
    context.route("**/api/jobs/**", lambda route: route.abort() if cut else route.continue_())
    simulated.append_lines(f"line {n}" for n in range(1, 1001))
    page = context.new_page()
    view = JobPage(page, simulated.id).open()
    expect(view.feed).to_have_text("Live")
    cut = True
    sockets[-1].close(code=1011)
    expect(view.feed).to_contain_text("Reconnecting")
    simulated.append_lines(f"line {n}" for n in range(1001, 300_001))
    cut = False
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(view.with_text("line 300000")).to_be_in_viewport(timeout=20_000)
    expect(view.feed).to_have_text(re.compile("^Live"), timeout=20_000)
    simulated.append_lines(["live again"])
    expect(view.with_text("live again")).to_be_in_viewport()
    # It resumed, heard how much there is, and joined again at the end: what nobody looks at is not told.
    assert joined[0] == joined[-2] and joined[-1] - joined[0] > 500, joined
    for share in (0.5, 0.02, 0.9):
        drag(view, share)
        shows_the_log(view, api)
    view.log.press("End")
    shows_the_log(view, api)


def test_L7_a_search_goes_on_while_a_long_log_grows(page: Page, simulated: SimulatedJob) -> None:
    simulated.append_lines(f"line {n}" for n in range(1, 100_001))
    view = JobPage(page, simulated.id).open()
    expect(view.feed).to_have_text("Live")
    view.find.fill("needle")
    expect(view.hits).to_have_text("no hits", timeout=SCAN)
    simulated.append_lines([*(f"line {n}" for n in range(2000)), "a needle", "another needle"])
    expect(view.hits).to_have_text("1 of 2", timeout=SCAN)
    simulated.append_lines(["the third needle"])
    expect(view.hits).to_have_text("1 of 3", timeout=SCAN)
    expect(view.log.locator("mark.now")).to_be_in_viewport()


def test_L9_live_errors_are_gone_to(page: Page, simulated: SimulatedJob) -> None:
    simulated.append_lines(["╷"], stream="STDERR")
    view = JobPage(page, simulated.id).open()
    expect(view.feed).to_have_text("Live")
    # The box was open, and what it is about not known, when the page came.
    simulated.append_lines(["│ Error: told live", "╵"], stream="STDERR")
    expect(view.log.locator('[data-mark="error"]')).to_have_count(3)
    page.keyboard.press("e")
    expect(view.log.locator("[data-at]")).to_contain_text("Error: told live")
    page.keyboard.press("a")
    expect(view.announced()).to_have_text("No warnings in this log")


# ---- long lines


def test_L8_a_long_line_is_folded_and_unfolds_in_place(page: Page, simulated: SimulatedJob) -> None:
    long = "x" * 20_000 + " a hidden needle " + "y" * 20_000
    simulated.append_lines(["first", long, "last"])
    view = JobPage(page, simulated.id).open()
    expect(view.feed).to_have_text("Live")
    simulated.append_lines([long, "after"])  # one that came live is folded as well
    buttons = view.log.get_by_role("button", name=re.compile("KiB more"))
    expect(buttons).to_have_count(2)
    rows = view.log.locator("[data-line]", has=page.locator("[data-unfold]"))
    assert [len(text) for text in rows.locator(".tx").all_text_contents()] == [4096, 4096]
    number = rows.first.get_attribute("data-line")
    buttons.first.click()
    expect(view.line(int(number)).locator(".tx")).to_have_text(long)
    expect(buttons).to_have_count(1)


def test_L7_a_hit_in_a_folded_part_is_shown(page: Page, simulated: SimulatedJob) -> None:
    simulated.append_lines([*(f"line {n}" for n in range(500)), "x" * 20_000 + " a hidden needle " + "y" * 20_000, *(f"line {n}" for n in range(500))])
    view = JobPage(page, simulated.id).open()
    expect(view.feed).to_have_text("Live")
    view.find.fill("hidden needle")
    expect(view.hits).to_have_text("1 of 1")
    expect(view.log.locator("mark.now")).to_have_text("hidden needle")
    expect(view.log.locator("mark.now")).to_be_in_viewport()


# ---- when lines can't be had


def test_L10_shows_and_retries_failed_loads(context: BrowserContext, million: str, api: Api, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    page = context.new_page()
    view = JobPage(page, million).open().is_complete()
    cut = True
    context.route("**/logs/lines?**", lambda route: route.abort() if cut else route.continue_())
    drag(view, 0.5)
    expect(view.feed).to_have_text("Couldn't load lines. Retrying…")
    assert view.log.locator("[data-wait]").count() > 0
    cut = False
    shows_the_log(view, api)
    expect(view.feed).to_contain_text("Complete")
