"""H1–H7, B1, P1: head, banner, polling."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from fake_feed import SOCKETS
from harness import Api, Gate, shell
from job_page import JobPage
from watcher import Watcher


def test_H1_type_icon_and_label(page: Page, api: Api, planned, deployed) -> None:
    destroy = api.job("DESTROY", api.vine("terraform {}")["id"])
    for record in (planned, deployed, {"job": destroy}):
        JobPage(page, record["job"]["id"]).open()
        head = page.locator("main header")
        expect(head.locator(".kind")).to_have_text(record["job"]["job_type"])
        icon = head.locator(f'.type[data-type="{record["job"]["job_type"]}"] svg')
        expect(icon).to_be_visible()
        drawn = icon.evaluate("svg => { const box = svg.getBBox(); return box.width > 4 && box.height > 4; }")
        assert drawn, "the icon of the sprite is empty"


@pytest.mark.parametrize("options", [{}, {"reduced_motion": "reduce"}], ids=["motion", "reduced"])
def test_H2_badge_is_animated_while_processing_and_still_for_reduced_motion(page: Page, api: Api, gate, options) -> None:
    go: Gate = gate()
    vine = api.vine(shell(go.wait))
    job = api.deploy(vine["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    running = view.badge.evaluate("badge => badge.getAnimations({ subtree: true }).filter(a => a.playState === 'running').length")
    assert (running == 0) == bool(options), running
    go.open()
    view.shows("SUCCESS")
    assert view.badge.evaluate("badge => badge.getAnimations({ subtree: true }).length") == 0


def test_H2_badge_is_correct_without_scripts(browser, server, signed_in, planned) -> None:
    context = browser.new_context(storage_state=signed_in, base_url=server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/dashboard/jobs/{planned['job']['id']}")
    expect(page.locator('[data-job-status="SUCCESS"]')).to_be_visible()
    expect(page.locator("h1")).to_contain_text("planned")
    context.close()


def test_H3_duration_waits_ticks_and_stops(page: Page, api: Api, gate) -> None:
    first, second = gate("first"), gate("second")
    vine = api.vine(shell(first.wait))
    running = api.deploy(vine["id"])
    api.wait(running["id"], "PROCESSING")
    queued = JobPage(page, api.job("PLAN", vine["id"])["id"]).open().shows("QUEUED")
    expect(queued.duration).to_have_text(re.compile(r"^waiting [1-9]\d* s$"))

    view = JobPage(page, running["id"]).open().shows("PROCESSING")
    expect(view.duration).to_have_text(re.compile(r"^\d\d:\d\d$"))
    before = view.duration.inner_text()
    expect(view.duration).not_to_have_text(before)
    first.open()
    view.shows("SUCCESS")
    record = api.get(f"/api/jobs/{running['id']}")
    fixed = view.duration.inner_text()
    minutes, seconds = map(int, fixed.split(":"))
    spent = page.evaluate("([from, to]) => Math.floor((Date.parse(to) - Date.parse(from)) / 1000)", [record["started_at"], record["completed_at"]])
    assert minutes * 60 + seconds == spent
    page.reload()
    expect(view.duration).to_have_text(fixed)
    second.open()


def test_H3_duration_is_on_the_servers_clock(context: BrowserContext, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    api.wait(job["id"], "PROCESSING")
    page = context.new_page()
    # A viewer whose clock is three hours ahead sees the same time.
    page.add_init_script("const real = Date.now; Date.now = () => real() + 3 * 3600e3;")
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(view.duration).to_have_text(re.compile(r"^0\d:\d\d$"))
    go.open()
    view.shows("SUCCESS")


def test_H4_job_id_is_short_and_copied_whole(page: Page, planned) -> None:
    view = JobPage(page, planned["job"]["id"]).open()
    expect(page.locator("main header code")).to_have_text(view.job[:8])
    view.button("Copy job ID").click()
    expect(view.announced()).to_have_text("Copied the job ID")
    assert view.clipboard() == view.job


def test_H5_tendril_is_named(page: Page, api: Api, planned) -> None:
    JobPage(page, planned["job"]["id"]).open()
    name = api.get(f"/api/jobs/{planned['job']['id']}")["worker_name"]
    assert name == "tendril-1"
    expect(page.locator("[data-worker]")).to_have_text(name)


def test_H5_any_available_while_queued(page: Page, api: Api, gate) -> None:
    go = gate()
    vine = api.vine(shell(go.wait))
    running = api.deploy(vine["id"])
    api.wait(running["id"], "PROCESSING")
    JobPage(page, api.job("PLAN", vine["id"])["id"]).open().shows("QUEUED")
    expect(page.locator("[data-worker]")).to_have_text("Any available")
    # What it waits for is said, with a link.
    link = page.locator("[data-strip] a")
    expect(link).to_have_attribute("href", f"/dashboard/jobs/{running['id']}")
    go.open()
    JobPage(page, "").shows("SUCCESS")


def test_H6_created_is_relative_and_exact_on_hover_in_the_viewers_zone(page: Page, planned) -> None:
    JobPage(page, planned["job"]["id"]).open()
    created = page.locator("[data-created]")
    expect(created).to_have_text(re.compile(r"just now|ago$"))
    assert created.get_attribute("datetime") == planned["job"]["created_at"]
    assert re.search(r"\d{4}, \d\d:\d\d:\d\d\.\d{3} (CET|CEST|GMT)", created.get_attribute("title") or "")


@pytest.mark.parametrize("options", [
    {"viewport": {"width": 1280, "height": 800}}, {"viewport": {"width": 360, "height": 740}}, {"viewport": {"width": 2560, "height": 1300}},
], ids=["1280", "360", "2560"])
def test_H7_actions_and_status_stay_in_reach(page: Page, deployed, options) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    for key in ("Home", "End"):
        view.log.press(key)
        for part in (view.badge, view.button("Re-run")):
            expect(part).to_be_in_viewport(ratio=1)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px too wide"


def test_B1_success_is_green_with_a_check_mark(page: Page, deployed) -> None:
    view = JobPage(page, deployed["job"]["id"]).open()
    expect(view.banner).to_have_attribute("data-banner", "SUCCESS")
    expect(view.banner.locator("use").first).to_have_attribute("href", "#i-SUCCESS")


def test_B1_failed_carries_the_error_and_jumps_to_it(page: Page, failed) -> None:
    view = JobPage(page, failed["job"]["id"]).open().is_complete()
    expect(view.banner).to_have_attribute("data-banner", "FAILED")
    # The cause first, in the diagnostic's own words; then the address and the place.
    expect(view.banner.locator(".strip-1")).to_have_text(re.compile("^local-exec provisioner error: Error running command .*: exit status 3"))
    facts = view.banner.locator(".facts li")
    expect(facts.nth(0)).to_have_text("terraform_data.broken")
    expect(facts.nth(1)).to_have_text(re.compile(r"^main\.tf:\d+$"))
    view.log.press("Home")
    view.button("Jump to error").click()
    at = view.log.locator("[data-at]")
    expect(at).to_contain_text("Error:")
    expect(at).to_be_in_viewport()


def test_B1_nothing_moves_at_the_end_of_a_job(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    boxes = "() => ['.bar', '.head', '[data-strip]', '.tools', '.dock'].map(s => JSON.stringify(document.querySelector(s).getBoundingClientRect()))"
    before = page.evaluate(boxes)
    go.open()
    view.shows("SUCCESS").is_complete()
    assert page.evaluate(boxes) == before


def test_P1_ends_right_without_a_live_feed(context: BrowserContext, api: Api, gate, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    go = gate()
    job = api.deploy(api.vine(shell(f"{go.wait}; echo last-$((1 + 1))"))["id"])
    api.wait(job["id"], "PROCESSING")
    context.route_web_socket(SOCKETS, lambda socket: socket.close(code=1011))
    blocked = True
    context.route("**/logs/lines?**", lambda route: route.abort() if blocked else route.continue_())
    view = JobPage(context.new_page(), job["id"]).open().shows("PROCESSING")
    expect(view.feed).to_contain_text("Reconnecting")
    blocked = False
    expect(view.feed).to_have_text("Live (polling)", timeout=20_000)
    go.open()
    view.shows("SUCCESS")
    expect(view.banner).to_have_attribute("data-banner", "SUCCESS")
    view.is_complete()
    expect(view.with_text("): last-2")).to_be_visible()


def test_P1_asks_for_the_status_only_until_it_is_terminal(page: Page, planned) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    JobPage(page, planned["job"]["id"]).open().is_complete()
    # This proves an absence, so it has to wait: longer than a poll would.
    page.wait_for_timeout(3500)
    assert not [url for url in asked if url.endswith("/status")]


def test_B1_nothing_shifts_while_the_log_streams(page: Page, api: Api, gate) -> None:
    begin, end = gate("begin"), gate("end")
    job = api.deploy(api.vine(shell(f"{begin.wait}; for i in $(seq 1 60); do echo row-$i; sleep 0.02; done; {end.wait}"))["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(page.locator(".phases")).to_contain_text("Apply")
    page.evaluate(
        """() => { window.shifts = [];
          const log = document.querySelector('[role=log]').getBoundingClientRect();
          const isIn = rect => rect.top >= log.top - 1 && rect.bottom <= log.bottom + 1;
          new PerformanceObserver(list => {
            for (const { sources } of list.getEntries()) for (const { node, previousRect, currentRect } of sources) {
              // A row that has gone since has no node any more.
              if (!isIn(previousRect) || !isIn(currentRect) && currentRect.height) window.shifts.push(node?.className ?? 'gone');
            }
          }).observe({ type: 'layout-shift' }); }""")
    begin.open()
    view.printed(60)
    # Times have ticked on, from one digit to two.
    expect(page.locator("[data-created]")).to_have_text(re.compile(r"^(\d\d s|\d+ min) ago$"), timeout=15_000)
    # Rows move inside the log as it scrolls: that is what following is.
    assert page.evaluate("window.shifts") == []
    end.open()
    view.shows("SUCCESS")


def test_title_and_icon_change_with_the_job_in_another_tab(context: BrowserContext, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    page = context.new_page()
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(page).to_have_title(re.compile("^▶ DEPLOY"))
    running = page.locator("#favicon").get_attribute("href")
    context.new_page().bring_to_front()
    go.open()
    expect(page).to_have_title(re.compile(f"^✓ DEPLOY {view.job[:8]}"), timeout=30_000)
    assert page.locator("#favicon").get_attribute("href") != running


def test_title_and_icon_say_the_status(page: Page, failed, deployed) -> None:
    titles = []
    for record, sign in ((failed, "✗"), (deployed, "✓")):
        JobPage(page, record["job"]["id"]).open()
        expect(page).to_have_title(re.compile(f"^{sign} DEPLOY {record['job']['id'][:8]}"))
        titles.append(page.locator("#favicon").get_attribute("href"))
    assert titles[0] != titles[1]
    assert all(icon and icon.startswith("data:image/svg+xml") for icon in titles)
