"""L10, B1: the page says only what it knows. The network is cut, a Tendril is given up and comes back, a vine changes
under an open plan."""

import hashlib
import re
import time
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fake_feed import SOCKETS
from harness import Api, SimulatedJob, SimulatedTendril, shell
from job_page import JobPage
from watcher import Watcher

MAIN = 'resource "terraform_data" "a" {}\n'


def running(api: Api, kind: str = "PLAN", **offer: Any) -> SimulatedJob:
    """A job of its own vine that a simulated Tendril runs."""
    return SimulatedTendril(api, **offer).start(kind, main=MAIN)


def state(view: JobPage) -> Any:
    return view.page.locator(".feed [data-connection]")


# ---- the network is cut


def test_L10_offline_is_said_within_5_seconds_and_nothing_else_is_judged(
    context: BrowserContext, api: Api, gate, watcher: Watcher,
) -> None:
    watcher.network_may_fail = True
    go = gate()
    job = api.deploy(api.vine(shell(f"echo row-$((1 + 1)); {go.wait}; echo last-$((40 + 2))"))["id"])
    view = JobPage(context.new_page(), job["id"]).open().shows("PROCESSING")
    expect(state(view)).to_have_attribute("data-connection", "live")
    expect(view.with_text("): row-2")).to_be_visible()
    strip, note = view.page.locator("[data-strip]"), view.page.locator("[data-log-note]")
    # Everything that the strip says while the network is cut is kept.
    view.page.evaluate(
        """() => { const strip = document.querySelector('[data-strip]'); window.said = [];
          new MutationObserver(() => window.said.push(strip.innerText)).observe(strip, { childList: true, subtree: true }); }""")
    context.set_offline(True)
    cut = time.monotonic()
    expect(state(view)).to_have_attribute("data-connection", "offline", timeout=5000)
    expect(note).to_have_text(re.compile(r"^Can't reach the server\. Showing status as of \d\d:\d\d:\d\d\.$"), timeout=1000)
    assert time.monotonic() - cut < 5
    expect(strip).to_contain_text(re.compile(r"Status as of \d\d:\d\d:\d\d"))
    view.page.wait_for_timeout(500)
    duration = view.duration.inner_text()
    # Longer than a Tendril may be silent: what is not known is not judged.
    view.page.wait_for_timeout(33_000)
    behind = re.match(r"Offline, (\d+) s behind", view.feed.inner_text())
    assert behind and abs(int(behind.group(1)) - (time.monotonic() - cut)) <= 4, view.feed.inner_text()
    assert view.duration.inner_text() == duration, "nobody knows whether it still runs"
    expect(view.button("Give up")).to_be_hidden()
    context.set_offline(False)
    back = time.monotonic()
    expect(state(view)).to_have_attribute("data-connection", "live", timeout=10_000)
    expect(view.feed).to_have_text("Live", timeout=10_000)
    expect(note).to_be_hidden()
    expect(strip).to_contain_text(re.compile(r"heartbeat \d+ s ago"), timeout=5000)
    assert time.monotonic() - back < 15
    said = view.page.evaluate("window.said")
    assert not [text for text in said if "No contact" in text], said
    go.open()
    view.shows("SUCCESS").is_complete()
    expect(view.with_text("): last-42")).to_be_visible()


def test_L10_a_network_that_swallows_everything_is_noticed_within_5_seconds(
    context: BrowserContext, api: Api, watcher: Watcher,
) -> None:
    """No event of the browser, no error: only silence."""
    watcher.network_may_fail = True
    work = running(api)
    swallows = False
    held: list[Any] = []

    def open_socket(socket: Any) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda text: None if swallows else server.send(text))
        server.on_message(lambda text: None if swallows else socket.send(text))

    context.route_web_socket(SOCKETS, open_socket)
    context.route("**/*", lambda route: held.append(route) if swallows else route.continue_())
    view = JobPage(context.new_page(), work.id).open().shows("PROCESSING")
    expect(view.feed).to_have_text("Live")
    swallows = True
    cut = time.monotonic()
    expect(state(view)).to_have_attribute("data-connection", "offline", timeout=6000)
    assert time.monotonic() - cut <= 5.5
    expect(view.page.locator("[data-log-note]")).to_contain_text("Can't reach the server.")
    swallows = False
    for route in held:
        route.abort()
    work.tendril.beat()
    work.print("after the silence\n")
    expect(view.with_text("after the silence")).to_be_visible(timeout=15_000)
    expect(state(view)).to_have_attribute("data-connection", "live")
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE", log={"incomplete": "test"})


def test_L10_a_lost_live_connection_alone_is_reconnecting_not_offline(
    context: BrowserContext, api: Api, watcher: Watcher,
) -> None:
    watcher.network_may_fail = True
    work = running(api)
    is_cut, sockets = False, []

    def open_socket(socket: Any) -> None:
        if is_cut:
            socket.close(code=1011)
            return
        sockets.append(socket)
        socket.connect_to_server()

    context.route_web_socket(SOCKETS, open_socket)
    context.route("**/logs/lines?*", lambda route: route.abort() if is_cut else route.continue_())
    view = JobPage(context.new_page(), work.id).open().shows("PROCESSING")
    expect(view.feed).to_have_text("Live")
    is_cut = True
    sockets[-1].close(code=1011)
    expect(state(view)).to_have_attribute("data-connection", "reconnecting", timeout=5000)
    expect(view.page.locator("[data-log-note]")).to_contain_text("Live feed lost at")
    is_cut = False
    expect(state(view)).to_have_attribute("data-connection", "live", timeout=20_000)
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE", log={"incomplete": "test"})


# ---- given up, and back


def give_up(api: Api, context: BrowserContext, job: str) -> None:
    """As an operator does, when the server takes the Tendril for lost. That takes 30 s."""
    deadline = time.monotonic() + 60
    while (answer := api.call("POST", f"/api/jobs/{job}/give-up", ok=False)).status_code == 409:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)
    assert answer.ok, answer.text


@pytest.mark.parametrize("has_feed", [True, False], ids=["live", "without the live feed"])
def test_L10_a_job_that_was_given_up_and_came_back_is_followed_to_its_end(
    context: BrowserContext, api: Api, watcher: Watcher, has_feed: bool,
) -> None:
    if not has_feed:
        watcher.network_may_fail = True
        context.route_web_socket(SOCKETS, lambda socket: socket.close(code=1011))
    work = running(api, "DESTROY").print("early\n")
    view = JobPage(context.new_page(), work.id).open().shows("PROCESSING")
    give_up(api, context, work.id)
    view.shows("FAILED", timeout=10_000)
    expect(view.feed).to_have_text("Incomplete", timeout=10_000)
    headline = re.compile(rf"^Given up by admin: no contact with {work.tendril.name} for \d+ s$")
    expect(view.banner.locator(".strip-1")).to_have_text(headline)
    expect(view.banner).to_contain_text("It isn't known what Terraform did after that. If it held the state lock, it still does")
    expect(view.banner).to_contain_text("log incomplete")

    # The Tendril is back, and ships what it had.
    text = "".join(f"late {n}\n" for n in range(60))
    work.print(text)
    slow = {} if has_feed else {"timeout": 25_000}
    expect(view.with_text("late 59")).to_be_visible(**slow)
    digest = {"STDOUT": {"bytes": len("early\n" + text), "sha256": hashlib.sha256(("early\n" + text).encode()).hexdigest()}}
    work.report(engine_state="GONE", log={"digest": digest}, outcome={
        "result": "SUCCEEDED", "phase": "apply", "exit_code": 0, "serial_before": 3, "serial_after": 4, "lock_released": True,
        "summary": "Destroyed; the state went from serial 3 to 4."})
    expect(view.feed).to_have_text(re.compile(r"^Complete, 6\d lines, verified$"), **slow)
    for _ in range(2):
        expect(view.banner.locator(".strip-1")).to_have_text(headline)
        for fact in ("Reported later: destroyed", "state serial 3 → 4 written", "lock released"):
            expect(view.banner).to_contain_text(fact)
        expect(view.banner).not_to_contain_text("It isn't known")
        expect(view.banner).not_to_contain_text("log incomplete")
        assert api.get(f"/api/jobs/{work.id}")["log_state"] == "COMPLETE"
        view.page.reload()


# ---- a plan whose vine changes


def test_A2_a_plan_learns_within_a_second_that_its_vine_changed(page: Page, api: Api) -> None:
    vine = api.vine(MAIN)
    plan = api.plan(vine["id"])
    view = JobPage(page, plan["id"]).open()
    expect(view.banner).to_contain_text("Ready to apply.")
    # Until the change is listened for: what changed before was asked for.
    page.wait_for_timeout(1500)
    for region, said in (("us-east-1", "Out of date: the vine changed after this plan"), (vine["region"], "Ready to apply."), ("us-east-2", "Out of date")):
        api.call("PATCH", f"/api/vines/{vine['id']}", {"region": region})
        expect(view.banner).to_contain_text(said, timeout=1500)
    other = api.plan(vine["id"])
    api.wait(api.post(f"/api/jobs/{other['id']}/apply", {})["id"], "SUCCESS", log=True)
    view = JobPage(page, other["id"]).open()
    expect(view.banner).to_contain_text("Applied by job")


def test_A2_a_plan_learns_that_it_was_applied_elsewhere_and_that_its_vine_is_gone(context: BrowserContext, api: Api) -> None:
    vine = api.vine(MAIN)
    plan = api.plan(vine["id"])
    view = JobPage(context.new_page(), plan["id"]).open()
    expect(view.banner).to_contain_text("Ready to apply.")
    view.page.wait_for_timeout(1500)
    deploy = api.post(f"/api/jobs/{plan['id']}/apply", {})
    expect(view.banner.get_by_role("link", name=deploy["id"][:8])).to_be_visible(timeout=1500)
    api.wait(deploy["id"], "SUCCESS", log=True)
    empty = api.vine(MAIN)
    plan = api.plan(empty["id"])
    view = JobPage(context.new_page(), plan["id"]).open()
    expect(view.banner).to_contain_text("Ready to apply.")
    view.page.wait_for_timeout(1500)
    api.call("DELETE", f"/api/vines/{empty['id']}")
    expect(view.banner).to_contain_text("Can't be applied: the vine was deleted", timeout=1500)


def test_A3_rerun_of_a_job_whose_vine_changed_is_one_decision(page: Page, api: Api) -> None:
    vine = api.vine(MAIN)
    plan = api.plan(vine["id"])
    api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "us-east-1"})
    view = JobPage(page, plan["id"]).open()
    for choice, region in (("Current configuration", "us-east-1"), ("This job's configuration", vine["region"])):
        view.open()
        view.button("Re-run").click()
        dialog = page.get_by_role("dialog", name=re.compile("Re-run: PLAN of"))
        expect(dialog.get_by_role("radio", name=re.compile("Current configuration"))).to_be_checked()
        dialog.get_by_role("radio", name=re.compile(choice)).check()
        dialog.get_by_role("button", name="Start PLAN").click()
        page.wait_for_url(lambda url: "/dashboard/jobs/" in url and plan["id"] not in url)
        made = api.get(f"/api/jobs/{page.url.rsplit('/', 1)[1]}")
        assert made["job_type"] == "PLAN" and made["config_snapshot"]["region"] == region, made
        api.wait(made["id"], "SUCCESS")


# ---- the cause of a failure


@pytest.mark.parametrize("options", [{"viewport": {"width": 390, "height": 800}}, {}], ids=["390", "1280"])
def test_B1_the_cause_comes_first_and_can_be_read(page: Page, api: Api, options) -> None:
    work = running(api)
    block = (
        "╷\n│ Error: creating RDS DB Instance (shop-production): DBSubnetGroupDoesNotCoverEnoughAZs\n│ \n"
        "│   with module.db.aws_db_instance.main,\n│   on modules/db/main.tf line 42, in resource \"aws_db_instance\" \"main\":\n"
        "│   42: resource \"aws_db_instance\" \"main\" {\n│ \n│ The DB subnet group in modules doesn't meet the requirement.\n╵\n")
    second = "╷\n│ Error: later error\n│ \n│ It follows.\n╵\n"
    work.print("Planning...\n").print(block, "STDERR").print(second, "STDERR")
    outcome = {"result": "FAILED", "summary": "terraform apply ended with exit status 1", "diagnostic": {
        "summary": "creating RDS DB Instance (shop-production): DBSubnetGroupDoesNotCoverEnoughAZs",
        "detail": "The DB subnet group in modules doesn't meet the requirement.", "address": "module.db.aws_db_instance.main",
        "file": "modules/db/main.tf", "line": 42, "others": 1}}
    work.report(status="FAILED", engine_state="GONE", error_message="The database could not be made.", outcome=outcome, log={"incomplete": "test"})
    view = JobPage(page, work.id).open()
    first = view.banner.locator(".strip-1")
    expect(first).to_have_text("creating RDS DB Instance (shop-production): DBSubnetGroupDoesNotCoverEnoughAZs")
    assert first.evaluate("node => node.scrollHeight <= node.clientHeight + 1 && node.scrollWidth <= node.clientWidth + 1"), "it is cut"
    facts = view.banner.locator(".facts li")
    expect(facts.nth(0)).to_have_text("module.db.aws_db_instance.main")
    expect(facts.nth(1)).to_have_text("modules/db/main.tf:42")
    expect(view.banner).to_contain_text("The DB subnet group in modules doesn't meet the requirement.")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px too wide"
    view.banner.get_by_role("button", name="and 1 more error").click()
    expect(view.log.locator("[data-at]")).to_contain_text("Error: later error")
    expect(view.log.locator("[data-at]")).to_be_in_viewport()


def test_B1_a_green_run_with_warnings_looks_different(page: Page, api: Api, deployed) -> None:
    plain = JobPage(page, deployed["job"]["id"]).open()
    expect(plain.banner).to_have_attribute("data-banner", "SUCCESS")
    expect(plain.banner).not_to_have_attribute("data-warns", "")
    vine = api.vine('check "health" {\n  assert {\n    condition     = terraform_data.a.id == "dry"\n    error_message = "The vines are dry."\n  }\n}\n' + MAIN)
    job = api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    view = JobPage(page, job["id"]).open()
    expect(view.banner).to_have_attribute("data-warns", "")
    view.banner.get_by_role("button", name=re.compile(r"^\d+ warnings?$")).click()
    expect(view.log.locator("[data-at]")).to_contain_text("Warning:")


def test_B1_phases_take_as_long_in_the_banner_as_in_the_strip(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(f"sleep 1; {go.wait}"))["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    init = page.locator(".phases li.done", has_text="Init").locator("b")
    expect(init).to_have_text(re.compile(r"^(< 0\.1|\d+(\.\d)?) s$"))
    took = init.inner_text()
    go.open()
    view.shows("SUCCESS").is_complete()
    for _ in range(2):
        expect(view.banner.locator(".facts .minor")).to_contain_text(f"init {took},")
        page.reload()
    dates = [page.locator("[data-created]").get_attribute("title")]
    view.details("Job Details").locator("summary").click()
    dates += page.get_by_role("region", name="Job Details").locator("time").all_inner_texts()
    form = re.compile(r"^\d{1,2} [A-Z][a-z]{2,3} \d{4}, \d\d:\d\d:\d\d\.\d{3} \w+$")
    assert len(dates) == 5 and all(form.match(date or "") for date in dates), dates


# ---- characters that can't be seen


def test_L2_invisible_and_bidirectional_characters_are_shown_as_symbols(page: Page, api: Api) -> None:
    work = running(api)
    evil = "access = \u202euser\u2066 // check\u2069 \u200badmin\ufeff"
    fine = "family \U0001f468\u200d\U0001f469\u200d\U0001f467 and \u00e9\u4e2d"
    work.print(f"{evil}\n{fine}\nafter\n")
    view = JobPage(page, work.id).open()
    row = view.with_text("access = ")
    expect(row.locator(".unseen")).to_have_count(5)
    assert [node.get_attribute("data-name") for node in row.locator(".unseen").all()] == ["RLO", "LRI", "PDI", "ZWSP", "BOM"]
    # The text is what it was, and it reads from left to right.
    assert row.locator(".tx").text_content() == evil
    left = row.locator(".tx").evaluate(
        """tx => ['access', 'user', 'check', 'admin'].map(word => { const walk = document.createTreeWalker(tx, NodeFilter.SHOW_TEXT);
          for (let node; (node = walk.nextNode());) { const at = node.data.indexOf(word); if (at < 0) continue;
            const range = document.createRange(); range.setStart(node, at); range.setEnd(node, at + word.length); return range.getBoundingClientRect().left; } })""")
    assert left == sorted(left), left
    expect(view.with_text("family").locator(".unseen")).to_have_count(0)
    copied = page.evaluate(
        """async n => { const tx = document.querySelector(`[data-line="${n}"] .tx`); const range = document.createRange(); range.selectNodeContents(tx);
          getSelection().removeAllRanges(); getSelection().addRange(range); document.execCommand('copy'); return navigator.clipboard.readText(); }""",
        int(row.get_attribute("data-line") or 0))
    assert copied == evil
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE", log={"incomplete": "test"})


# ---- filters, selection, keys


def test_L8_a_filter_says_how_much_it_shows_and_nothing_selected_offers_all(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    total = page.locator('[data-s="STDOUT"] .n, [data-s="STDERR"] .n, [data-s="SYSTEM"] .n')
    chip = lambda name: page.locator(f'.chips [data-s="{name}"]')
    expect(chip("STDERR")).to_have_attribute("data-none", "")
    chip("STDOUT").click()
    system = int(chip("SYSTEM").locator(".n").inner_text())
    expect(page.locator("[data-feed-lines]")).to_have_text(re.compile(rf"^{system} of [\d,]+ shown$"))
    chip("SYSTEM").click()
    chip("STDERR").click()
    expect(page.locator("[data-empty]")).to_contain_text("No stream is selected")
    view.button("Show all lines").click()
    for name in ("STDOUT", "STDERR", "SYSTEM"):
        expect(chip(name)).to_have_attribute("aria-pressed", "true")
    expect(view.log.locator("[data-line]").first).to_be_visible()
    expect(page.locator("[data-feed-lines]")).to_have_text("")
    assert total


@pytest.mark.parametrize("options", [{}, {"viewport": {"width": 390, "height": 800}}], ids=["1280", "390"])
def test_L8_the_selection_bar_covers_no_line(page: Page, deployed, options) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    view.wait_at_end()
    last = view.log.locator("[data-line]").last
    number = last.get_attribute("data-line")
    last.locator(".no").click()
    bar = page.get_by_role("group", name="Selected lines")
    expect(bar).to_be_visible()
    row = view.line(int(number or 0))
    expect(row).to_be_in_viewport()
    top, foot = bar.bounding_box(), view.log.bounding_box()
    box = row.bounding_box()
    assert top and foot and box
    assert foot["y"] + foot["height"] <= top["y"] and box["y"] + box["height"] <= top["y"] + 1


def test_L9_home_and_end_work_wherever_the_focus_is(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    for focus in (view.button("Copy job ID"), view.button("Re-run"), view.details("Job Details").locator("summary"), page.get_by_role("link", name="deployed")):
        focus.focus()
        page.keyboard.press("Home")
        expect(view.line(1)).to_be_in_viewport()
        page.keyboard.press("End")
        view.wait_at_end()
        expect(focus).to_be_focused()
    # In a field they are the field's.
    view.find.click()
    page.keyboard.type("row")
    page.keyboard.press("Home")
    page.keyboard.type("a")
    expect(view.find).to_have_value("arow")
