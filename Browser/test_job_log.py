"""L1–L10: the log."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fake_feed import SOCKETS
from harness import Api, shell
from job_page import JobPage
from watcher import Watcher


@pytest.fixture
def growing(api: Api, gate):
    """A DEPLOY that has printed 300 lines and prints more, 20 a second, until the gate opens."""
    go = gate("stop")
    command = f"for i in $(seq 1 300); do echo row-$i; done; i=300; while [ ! -e {go.path} ]; do i=$((i+1)); echo row-$i; sleep 0.05; done; echo end-$((40 + 2))"
    job = api.deploy(api.vine(shell(command))["id"])
    api.wait(job["id"], "PROCESSING")
    return job["id"], go


def test_L1_lines_come_in_real_time_and_scroll(page: Page, growing) -> None:
    job, go = growing
    view = JobPage(page, job).open()
    view.printed(320)
    view.printed(340)
    assert view.is_at_end()
    font = view.log.evaluate("log => getComputedStyle(log).fontFamily")
    assert "mono" in font.lower()
    go.open()
    expect(view.with_text("): end-42")).to_be_visible()


def test_L2_streams_have_their_colours(page: Page, failed) -> None:
    view = JobPage(page, failed["job"]["id"]).open().is_complete()
    color = "row => getComputedStyle(row).color.match(/[\\d.]+/g).map(Number)"
    # The end of a failed job shows all three.
    red = view.log.locator('[data-stream="STDERR"]').first.evaluate(color)
    blue = view.log.locator('[data-stream="SYSTEM"]').first.evaluate(color)
    gray = view.log.locator('[data-stream="STDOUT"]').first.evaluate(color)
    assert red[0] > red[1] + 40 and red[0] > red[2] + 40
    assert blue[2] > blue[0] + 40
    assert max(gray[:3]) - min(gray[:3]) < 24 and min(gray[:3]) > 150
    # Never by colour alone.
    label = view.log.locator('[data-stream="STDERR"] .st').first.evaluate("st => getComputedStyle(st, '::before').content")
    assert "err" in label


def test_L2_ansi_is_rendered_and_stays_in_its_stream(page: Page, api: Api) -> None:
    vine = api.vine(shell(r"printf 'plain-%s \033[32mgreen-%s\033[0m after-%s\n' 1 1 1; printf '\033[35mleft-%s\n' open"), project="colours")
    job = api.deploy(vine["id"])
    api.wait(job["id"], "SUCCESS", log=True)
    view = JobPage(page, job["id"]).open().is_complete()
    row = view.with_text("plain-1")
    green = row.locator("span", has_text=re.compile("^green-1$"))
    expect(green).to_be_visible()
    assert green.evaluate("s => getComputedStyle(s).color") != row.evaluate("r => getComputedStyle(r).color")
    expect(row).not_to_contain_text("[32m")
    # SYSTEM lines after it are not magenta.
    system = view.log.locator('[data-stream="SYSTEM"]').last
    assert system.locator("[class*=c35]").count() == 0


def test_L4_opens_at_the_end_running_or_finished(page: Page, growing, deployed) -> None:
    job, go = growing
    view = JobPage(page, job).open()
    view.printed(310)
    view.wait_at_end()
    go.open()
    done = JobPage(page, deployed["job"]["id"]).open().is_complete()
    done.wait_at_end()
    expect(done.follow).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("intent", ["wheel", "PageUp", "Home", "ArrowUp", "select", "number"])
def test_L4_upward_input_unpins(page: Page, growing, intent: str) -> None:
    job, go = growing
    view = JobPage(page, job).open()
    view.printed(310)
    if intent == "wheel":
        view.point_at_log()
        page.mouse.wheel(0, -1)
    elif intent == "select":
        view.log.evaluate(
            """log => { const tx = [...log.querySelectorAll('[data-line] .tx')].at(-8);
                        getSelection().setBaseAndExtent(tx, 0, tx, tx.childNodes.length); }""")
    elif intent == "number":
        view.log.locator("[data-line] .no").nth(-8).click()
    else:
        view.log.press(intent)
    expect(view.follow).to_have_attribute("aria-pressed", "false")
    # While lines go on coming, what is read stays where it is.
    expect(view.pill).to_be_visible()
    under = view.line_under(120)
    before = int(re.sub(r"\D", "", view.pill.inner_text()))
    page.wait_for_function("n => Number(document.querySelector('[data-pill]').innerText.replace(/\\D/g, '')) > n + 10", arg=before)
    assert view.line_under(120) == under
    go.open()


@pytest.mark.parametrize("way", ["pill", "End", "f", "wheel"])
def test_L4_returning_to_the_end_pins(page: Page, growing, way: str) -> None:
    job, go = growing
    view = JobPage(page, job).open()
    view.printed(310)
    view.log.press("PageUp")
    expect(view.pill).to_be_visible()
    if way == "pill":
        view.pill.click()
    elif way == "wheel":
        view.point_at_log()
        page.mouse.wheel(0, 100_000)
    else:
        view.log.press(way)
    expect(view.follow).to_have_attribute("aria-pressed", "true")
    expect(view.pill).to_be_hidden()
    view.wait_at_end()
    go.open()
    expect(view.with_text("): end-42")).to_be_visible()


def test_L5_the_whole_log_once_and_in_order(page: Page, api: Api, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    text = api.call("GET", f"/api/jobs/{view.job}/logs?ansi=0", headers={"Accept": "text/plain"}).text
    assert view.read() == text.rstrip("\n").split("\n")
    view.page.keyboard.press("c")
    expect(view.announced()).to_have_text("Copied the log")
    assert view.clipboard().rstrip("\n") == text.rstrip("\n")


def test_L5_survives_network_outage(context: BrowserContext, api: Api, growing, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    job, go = growing
    view = JobPage(context.new_page(), job).open()
    view.printed(310)
    context.set_offline(True)
    # A connection that stands may outlive the emulated cut: what counts is that nothing is lost or doubled.
    view.page.evaluate("dispatchEvent(new Event('offline'))")
    go.open()
    api.wait(job, "SUCCESS", log=True)
    context.set_offline(False)
    view.is_complete()
    total = api.get(f"/api/jobs/{job}/logs/lines?from=1&count=1")["total"]
    rows = [int(found.group(1)) for text in view.read() if (found := re.search(r"\): row-(\d+)", text))]
    assert rows == list(range(1, len(rows) + 1))
    expect(view.feed).to_contain_text(f"{total:,} lines")


def test_L6_only_a_window_is_mounted(page: Page, api: Api) -> None:
    vine = api.vine(shell("seq -f 'big-%.0f' 1 20000"))
    job = api.deploy(vine["id"])
    api.wait(job["id"], "SUCCESS", log=True)
    view = JobPage(page, job["id"]).open().is_complete()
    view.wait_at_end()
    assert view.scroll()["mounted"] <= 300
    for share in (0.5, 0.1, 0.9, 0):
        view.log.evaluate("(log, share) => { log.scrollTop = (log.scrollHeight - log.clientHeight) * share; }", share)
        page.wait_for_function(
            """() => { const log = document.querySelector('[role=log]'), box = log.getBoundingClientRect();
                return [20, box.height / 2, box.height - 20].every(y => document.elementFromPoint(box.x + 200, box.y + y)?.closest('[data-line]')); }""")
        assert view.scroll()["mounted"] <= 300
        # The numbers that are shown are the places that they stand at.
        where = view.scroll()
        assert where["first"] <= view.line_under(30) <= where["last"]


def test_L7_search_counts_steps_and_marks(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    page.keyboard.press("/")
    expect(view.find).to_be_focused()
    page.keyboard.type("row-40")
    expect(view.hits).to_have_text(re.compile(r"^\d of 2$"))  # row-40 and row-400
    expect(view.log.locator("mark.now")).to_have_text("row-40")
    first = view.log.locator("[data-line]:has(mark.now)").get_attribute("data-line")
    page.keyboard.press("Enter")
    expect(view.log.locator(f'[data-line="{first}"] mark.now')).to_have_count(0)
    expect(view.log.locator("mark.now")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(view.log).to_be_focused()
    expect(view.log.locator("mark")).to_have_count(0)


def test_L7_search_options_and_invalid_pattern(page: Page, deployed, watcher: Watcher) -> None:
    watcher.network_may_fail = True  # a pattern that is none is refused
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    view.find.fill("ROW-399")
    expect(view.hits).to_have_text("1 of 1")
    view.button("Match case").click()
    expect(view.hits).to_have_text("no hits")
    view.button("Match case").click()
    view.button("Regular expression").click()
    view.find.fill(r"\): row-3[0-9]{2}$")
    expect(view.hits).to_have_text(re.compile(r"^\d+ of 100$"))
    view.find.fill("row-(")
    expect(view.hits).to_have_text("invalid pattern")
    expect(page.locator("[data-find-note]")).to_contain_text("missing closing parenthesis")
    view.find.fill("row-399")
    expect(view.hits).to_have_text("1 of 1")
    expect(page.locator("[data-find-note]")).to_be_hidden()


def test_L7_search_goes_on_while_the_log_grows(page: Page, growing) -> None:
    job, go = growing
    view = JobPage(page, job).open()
    view.printed(310)
    view.find.fill("end-42")
    expect(view.hits).to_have_text(re.compile("no hits|…"))
    go.open()
    expect(view.hits).to_have_text("1 of 1", timeout=20_000)


def test_L8_permalink_opens_where_it_says_and_stays(page: Page, growing) -> None:
    job, go = growing
    view = JobPage(page, job).open("#L120-L131")
    expect(view.log.locator("[data-sel]")).to_have_count(12)
    expect(view.line(120)).to_be_in_viewport()
    expect(view.follow).to_have_attribute("aria-pressed", "false")
    text = view.line(120).locator(".tx").inner_text()
    top = view.scroll()["top"]
    expect(view.pill).to_be_visible()
    assert view.scroll()["top"] == top
    go.open()
    page.reload()
    expect(view.line(120).locator(".tx")).to_have_text(text)


def test_L8_range_by_click_and_shift_click_is_copied_and_linked(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open("#L60").is_complete()
    view.line(62).locator(".no").click()
    expect(page).to_have_url(re.compile("#L62$"))
    view.line(66).locator(".no").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile("#L62-L66$"))
    expect(view.log.locator("[data-sel]")).to_have_count(5)
    lines = [view.line(n).locator(".tx").inner_text() for n in range(62, 67)]
    picked = page.get_by_role("group", name="Selected lines")
    expect(picked).to_contain_text("5 lines")
    picked.get_by_role("button", name="Copy", exact=True).click()
    expect(view.announced()).to_have_text("Copied 5 lines")
    assert view.clipboard() == "\n".join(lines) + "\n"
    picked.get_by_role("button", name="Copy link").click()
    expect(view.announced()).to_have_text("Copied the link")
    assert view.clipboard().endswith(f"/dashboard/jobs/{view.job}#L62-L66")
    view.log.press("Escape")
    expect(page).not_to_have_url(re.compile("#L"))


def test_L8_a_range_beyond_what_is_mounted_is_copied_whole(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open("#L5-L410").is_complete()
    assert view.scroll()["mounted"] <= 300
    page.keyboard.press("c")
    expect(view.announced()).to_have_text("Copied 406 lines")
    assert view.clipboard().count("\n") == 406


def test_L8_timestamps_wrap_and_filter(page: Page, failed) -> None:
    view = JobPage(page, failed["job"]["id"]).open().is_complete()
    time = view.log.locator("[data-line] time").last
    expect(time).to_be_hidden()
    view.button("Timestamps").click()
    expect(time).to_be_visible()
    expect(time).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    view.button("Timestamps").click()
    expect(time).to_have_text(re.compile(r"^\+\d\d:\d\d\.\d{3}$"))  # since the start
    view.button("Wrap lines").click()
    assert view.log.evaluate("log => log.scrollWidth - log.clientWidth") <= 0
    page.reload()
    expect(time).to_be_visible()  # both choices are remembered
    expect(view.button("Wrap lines")).to_have_attribute("aria-pressed", "true")
    view.is_complete()
    view.button("Timestamps").click()
    view.button("Wrap lines").click()

    chips = page.get_by_role("group", name="Streams")
    chips.get_by_role("button", name="stdout").click()
    chips.get_by_role("button", name="system").click()
    expect(view.log.locator('[data-stream="STDOUT"], [data-stream="SYSTEM"]')).to_have_count(0)
    expect(view.log.locator('[data-stream="STDERR"]').first).to_be_visible()
    number = view.log.locator('[data-stream="STDERR"]').first.get_attribute("data-line")
    chips.get_by_role("button", name="stdout").click()
    chips.get_by_role("button", name="system").click()
    expect(view.line(int(number))).to_have_attribute("data-stream", "STDERR")  # numbers do not change


def test_L8_download_plain_and_with_ansi(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    texts = {}
    for name in ("Plain text", "With colors (ANSI)"):
        view.button("Download").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=name).click()
        assert view.job[:8] in download.value.suggested_filename
        texts[name] = download.value.path().read_text()
    assert "\x1b[" in texts["With colors (ANSI)"] and "\x1b[" not in texts["Plain text"]
    assert "): row-400" in texts["Plain text"]


def test_L8_a_line_that_was_cut_is_joined_in_a_copy(page: Page, api: Api) -> None:
    # Terraform drops a provisioner's line of more than 64 KiB; its own it prints whole.
    vine = api.vine(f'output "long" {{\n  value = join("", [for i in range(1000) : "{"x" * 150}"])\n}}\n')
    job = api.plan(vine["id"])
    view = JobPage(page, job["id"]).open().is_complete()
    expect(view.with_text("Saved plan:")).to_be_visible()
    page.keyboard.press("c")
    expect(view.announced()).to_have_text("Copied the log")
    longest = max(view.clipboard().splitlines(), key=len)
    assert longest.count("x") >= 150_000


def test_L9_screen_readers_get_a_quiet_log_and_a_polite_status(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(view.log).to_have_attribute("aria-live", "off")
    expect(view.log).to_have_attribute("tabindex", "0")
    expect(view.announced()).to_have_attribute("aria-live", "polite")
    go.open()
    expect(view.announced()).to_contain_text("DEPLOY success", timeout=30_000)


def test_L9_keys_move_a_row_cursor_and_select(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    view.log.press("Home")
    for _ in range(3):
        view.log.press("ArrowDown")
    expect(view.log.locator("[data-at]")).to_have_attribute("data-line", "3")
    view.log.press("Shift+ArrowDown")
    view.log.press("Shift+ArrowDown")
    expect(page).to_have_url(re.compile("#L3-L5$"))
    view.log.press("Escape")
    expect(view.log.locator("[data-at], [data-sel]")).to_have_count(0)


def test_L9_the_sheet_lists_the_keys(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    view.find.focus()
    page.keyboard.type("?tw")
    expect(sheet).to_be_hidden()  # in a field keys are text
    expect(view.find).to_have_value("?tw")


def test_L10_complete_and_verified(page: Page, api: Api, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open()
    total = api.get(f"/api/jobs/{view.job}/logs/lines?from=1&count=1")["total"]
    expect(view.feed).to_have_text(f"Complete, {total:,} lines, verified")


def test_L10_shows_disconnect_and_retries(context: BrowserContext, growing, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    job, go = growing
    page = context.new_page()
    cut = True
    context.route_web_socket(SOCKETS, lambda socket: socket.close(code=1011) if cut else socket.connect_to_server())
    context.route("**/logs/lines?from=**", lambda route: route.abort() if cut else route.continue_())
    view = JobPage(page, job).open()
    expect(view.feed).to_contain_text("Reconnecting")
    expect(view.button("Retry now")).to_be_visible()
    expect(page.locator("[data-log-note]")).to_contain_text("Live feed lost at")
    view.shows("PROCESSING")  # the badge stays true
    cut = False
    # It may have come back by itself in between, and the button be gone: then there is nothing to click.
    page.evaluate("document.querySelector('[data-retry]').click()")
    expect(view.feed).to_have_text(re.compile("^Live"))
    expect(page.locator("[data-log-note]")).to_be_hidden()
    view.printed(310)
    go.open()


def test_L10_incomplete_log_is_labeled(context: BrowserContext, api: Api, deployed) -> None:
    record = api.get(f"/api/jobs/{deployed['job']['id']}")
    # A record is taken only if it is not older than the one in the page.
    record.update(server_now="2999-01-01T00:00:00.000Z", log_state="INCOMPLETE", log_state_reason="29 lines were given up when the disk was full")
    page = context.new_page()
    # The job as another ending would have left it.
    context.route(f"**/api/jobs/{record['id']}", lambda route: route.fulfill(json=record))
    view = JobPage(page, record["id"]).open()
    expect(view.feed).to_have_text("Incomplete")
    expect(page.locator("[data-log-note]")).to_contain_text("29 lines were given up")


def test_warnings_and_errors_are_marked_whatever_their_stream(page: Page, failed) -> None:
    view = JobPage(page, failed["job"]["id"]).open().is_complete()
    marked = view.log.locator('[data-mark="error"]')
    expect(marked.first).to_be_visible()
    texts = [row.inner_text() for row in marked.locator(".tx").all()]
    assert texts[0].startswith("╷") and texts[-1].startswith("╵")
    assert any("Error:" in text for text in texts)
