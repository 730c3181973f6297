"""States that a real Tendril leaves too soon to observe: a simulated one holds them."""

import re
import time

from playwright.sync_api import BrowserContext, Page, expect

from fake_feed import SOCKETS
from harness import TERRAFORM, Api, SimulatedJob, SimulatedTendril
from job_page import JobPage
from watcher import Watcher

MAIN = 'resource "terraform_data" "a" {}\n'


def claimed(api: Api, kind: str = "PLAN") -> SimulatedJob:
    """A job that a simulated Tendril has claimed."""
    tendril = SimulatedTendril(api)
    return tendril.claim(tendril.queue(kind, main=MAIN))


def test_B1_strip_of_a_claimed_job_names_its_tendril(page: Page, api: Api) -> None:
    work = claimed(api)
    view = JobPage(page, work.id).open().shows("CLAIMED")
    expect(page.locator("[data-strip]")).to_contain_text(f"Claimed by {work.tendril.name}")
    expect(view.duration).to_have_text(re.compile(r"^waiting \d+ s$"))
    expect(view.banner).to_have_count(0)
    api.post(f"/api/jobs/{work.id}/cancel")


def test_A1_cancel_a_claimed_job(page: Page, api: Api) -> None:
    work = claimed(api)
    view = JobPage(page, work.id).open().shows("CLAIMED")
    view.button("Cancel").click()
    view.shows("CANCELLED", timeout=3000)
    expect(view.banner).to_contain_text("Terraform did not start. Nothing changed.")
    assert api.get(f"/api/jobs/{work.id}")["engine_state"] == "NONE"


def test_A1_shows_still_stopping_until_engine_exits(page: Page, api: Api) -> None:
    work = claimed(api, "DESTROY").start().print("terraform_data.a: Destroying...\n")
    view = JobPage(page, work.id).open().shows("PROCESSING")
    view.button("Cancel").click()
    view.shows("CANCELLED", timeout=3000)
    stopping = re.compile("Cancelled by .*; Terraform is still stopping")
    expect(view.banner).to_contain_text(stopping)
    page.reload()
    expect(view.banner).to_contain_text(stopping)
    expect(view.banner).to_contain_text("Terraform is finishing in-flight changes. The vine stays locked until it exits.")
    work.report(engine_state="GONE", log={"incomplete": "cut short"}, outcome={
        "result": "INTERRUPTED", "phase": "apply", "exit_code": 1, "serial_before": 41, "serial_after": 42, "lock_released": True,
        "summary": "terraform apply was interrupted and ended with exit status 1; the state was written, serial 42."})
    expect(view.banner).not_to_contain_text("still stopping")
    for fact in ("terraform apply was interrupted and ended with exit status 1", "state serial 41 → 42 written", "lock released", "log incomplete"):
        expect(view.banner).to_contain_text(fact)


def test_B1_the_strip_shows_the_same_whatever_the_messages_say(page: Page, api: Api) -> None:
    """Phases, waits and outcomes are fields of the API: no wording of a message or log line matters."""
    # Where else the error was seen differs: the second job is the second to show it.
    page.route("**/api/jobs/*/errors", lambda route: route.fulfill(json={"items": []}))
    shown = []
    for wording in ("Running terraform {}", "Nu kör vi {}; vänta"):
        work = claimed(api).start()
        view = JobPage(page, work.id).open().shows("PROCESSING")
        phases = []
        for second, name in enumerate(("init", "plan")):
            work.print(f"{wording.format(name)}\n", stream="SYSTEM")
            if phases:
                phases[-1]["ended_at"] = f"2026-01-01T00:00:0{second}Z"
            phases.append({"name": name, "started_at": f"2026-01-01T00:00:0{second}Z"})
            work.report(phases=phases)
        # A line that names a phase, as no phase does.
        work.print(f"{wording.format('apply')}\n", stream="SYSTEM")
        expect(view.with_text("apply")).to_be_visible()
        expect(page.locator(".phases li")).to_have_count(3)
        running = page.locator(".phases").inner_text()
        phases[-1]["ended_at"] = "2026-01-01T00:00:05Z"
        ended = {"result": "FAILED", "phase": "plan", "exit_code": 7, "lock_released": True, "serial_before": 2, "serial_after": 2}
        work.report(status="FAILED", engine_state="GONE", error_message="It broke", phases=phases, log={"incomplete": "cut"},
                    outcome={**ended, "summary": f"{wording.format('x')}: ended; {work.id[:8]}, whatever; nothing was applied."})
        view.shows("FAILED")
        times = r"(?:(?:< )?\d+(?:\.\d+)? (?:ms|s|min|h|d)\s*)+"
        shown.append((re.sub(times, "TIME ", running), view.banner.inner_text()))
    assert shown[0] == shown[1]
    assert "Init" in shown[0][0] and "Plan" in shown[0][0] and "Apply" not in shown[0][0]
    assert "terraform plan ended with exit status 7" in shown[0][1] and "state serial 2, unchanged" in shown[0][1]


def test_B1_each_banner_has_the_colour_of_its_status(page: Page, api: Api, planned, failed) -> None:
    cancelled = api.job("PLAN", api.vine(MAIN)["id"], assigned_worker_id=SimulatedTendril(api).id)
    api.post(f"/api/jobs/{cancelled['id']}/cancel")
    shades = {}
    for status, job in (("SUCCESS", planned["job"]["id"]), ("FAILED", failed["job"]["id"]), ("CANCELLED", cancelled["id"])):
        view = JobPage(page, job).open()
        expect(view.banner).to_have_attribute("data-banner", status)
        red, green, blue = view.banner.evaluate("node => getComputedStyle(node).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
        shades[status] = {"red": red - max(green, blue), "green": green - max(red, blue), "spread": max(red, green, blue) - min(red, green, blue)}
    assert shades["SUCCESS"]["green"] > 4 and shades["FAILED"]["red"] > 10 and shades["CANCELLED"]["spread"] < 5, shades
    expect(view.banner).to_contain_text("Cancelled by admin")


def test_B1_shows_lost_contact(context: BrowserContext, api: Api) -> None:
    work = claimed(api).start()
    silent = [{**row, "status": "OFFLINE", "last_seen_at": "2026-01-01T00:00:00.000Z"} for row in api.get("/api/workers")["items"]]
    context.route("**/api/workers", lambda route: route.fulfill(json={"items": silent}))
    view = JobPage(context.new_page(), work.id).open().shows("PROCESSING")
    strip = view.page.locator('[data-strip][data-notice="warn"]')
    expect(strip).to_contain_text(re.compile(f"No contact with {work.tendril.name} for .*\\."))
    expect(strip).to_contain_text("Terraform may still be running; Vintner won't re-apply anything.")
    expect(view.button("Cancel")).to_be_visible()
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE")


def test_P1_status_every_three_seconds_then_the_job_until_its_log_is_final(
    context: BrowserContext, api: Api, watcher: Watcher,
) -> None:
    watcher.network_may_fail = True
    context.route_web_socket(SOCKETS, lambda socket: socket.close(code=1011))
    work = claimed(api).start()
    page = context.new_page()
    asked: list[tuple[str, float]] = []
    page.on("request", lambda request: asked.append((request.url.split("/api/jobs/")[-1], time.monotonic())) if "/api/jobs/" in request.url else None)
    view = JobPage(page, work.id).open().shows("PROCESSING")

    def times(path: str) -> list[float]:
        return [at for name, at in asked if name == path]

    for _ in range(2):
        with page.expect_response(lambda answer: answer.url.endswith("/status"), timeout=6000) as answer:
            pass
        assert set(answer.value.json()) <= {"status", "error_message"}
    first, second = times(f"{work.id}/status")[:2]
    assert 2.9 <= second - first <= 5, "a poll every 3 s"

    # The status is decided, the log is not: the job is asked for, the status no more.
    work.report(status="FAILED", engine_state="GONE", error_message="terraform apply ended with status 1")
    expect(view.banner).to_have_attribute("data-banner", "FAILED", timeout=6000)
    expect(view.banner).to_contain_text("terraform apply ended with status 1")
    count = len(times(f"{work.id}/status"))
    with page.expect_response(lambda answer: answer.url.endswith(f"/api/jobs/{work.id}"), timeout=6000):
        pass
    assert len(times(f"{work.id}/status")) == count

    work.report(log={"incomplete": "the middle was given up"})
    expect(view.banner).to_contain_text("log incomplete", timeout=6000)
    # This proves an absence, so it has to wait: longer than a poll would.
    count = len(times(work.id)) + len(times(f"{work.id}/status"))
    page.wait_for_timeout(3500)
    assert len(times(work.id)) + len(times(f"{work.id}/status")) == count


def test_H3_duration_never_goes_back(page: Page, api: Api) -> None:
    work = claimed(api).start()
    view = JobPage(page, work.id).open().shows("PROCESSING")
    view.feed.filter(has_text="Live").wait_for()
    page.evaluate(
        """() => { const node = document.querySelector('[data-duration]'); window.durations = [node.textContent];
          new MutationObserver(() => window.durations.push(node.textContent)).observe(node, { childList: true, characterData: true, subtree: true }); }""")
    expect(view.duration).to_have_text(re.compile(r"00:0[3-9]"))
    # Something else than the job changes: the page draws its head anew, from a record of some seconds ago.
    work.tendril.beat()
    expect(page.locator("[data-strip]")).to_contain_text("heartbeat 0 s ago")
    expect(view.duration).to_have_text(re.compile(r"00:(0[6-9]|1\d)"))
    durations = page.evaluate("window.durations")
    assert durations == sorted(durations)
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE")


def test_H3_duration_ticks_in_the_list_too(context: BrowserContext, api: Api, watcher: Watcher) -> None:
    work = claimed(api).start()
    page = context.new_page()
    page.goto(f"/dashboard/jobs?q={work.id}")
    duration = page.locator("tbody [data-duration]")
    expect(duration).to_have_text(re.compile(r"^\d\d:\d\d$"))
    # On its own, with nothing that comes from the server.
    watcher.network_may_fail = True
    context.set_offline(True)
    for _ in range(3):
        before = duration.inner_text()
        expect(duration).not_to_have_text(before, timeout=5000)
        assert duration.inner_text() > before
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE")


def test_H5_queued_for_an_offline_tendril_can_be_changed_to_any_available(page: Page, api: Api) -> None:
    away = SimulatedTendril(api)
    job = api.job("PLAN", api.vine(MAIN)["id"], assigned_worker_id=away.id)
    view = JobPage(page, job["id"]).open().shows("QUEUED")
    expect(page.locator("[data-worker]")).to_have_text(away.name)
    strip = page.locator("[data-strip]")
    expect(strip).to_contain_text(f"Waiting for {away.name}, which is OFFLINE")
    expect(strip).to_contain_text(f"Starts automatically when {away.name} is available.")
    view.button("Change to any available").click()
    view.shows("SUCCESS")
    expect(page.locator("[data-worker]")).to_have_text("tendril-1")
    expect(view.with_text("Changed to any available Tendril by")).to_be_visible()
    assert api.get(f"/api/jobs/{job['id']}").get("assigned_worker_id") is None


def test_H5_nothing_to_change_where_the_job_is_for_anybody(page: Page, api: Api) -> None:
    job = api.job("PLAN", api.vine(MAIN, engine="tofu")["id"])
    view = JobPage(page, job["id"]).open().shows("QUEUED")
    expect(page.locator("[data-strip]")).to_contain_text("has tofu")
    expect(view.button("Change to any available")).to_have_count(0)
    api.post(f"/api/jobs/{job['id']}/cancel")


def test_A4_says_why_a_tendril_cannot_apply_the_plan(page: Page, api: Api, planned) -> None:
    real = next(row for row in api.get("/api/workers")["items"] if row["name"] == "tendril-1")
    engine = real["engines"][0]
    reasons = {
        SimulatedTendril(api, engines=[{**engine, "version": "0.0.1"}]).beat().name: ("ONLINE", f"Has {engine['name']} 0.0.1, not {engine['version']}"),
        SimulatedTendril(api, engines=[{**engine, "platform": "plan9_mips"}]).beat().name: ("ONLINE", f"Runs on plan9_mips, not {engine['platform']}"),
        SimulatedTendril(api, engines=real["engines"], run_root="/elsewhere").beat().name: ("ONLINE", f"Can't use this plan: different --run-root (/elsewhere, plan needs {real['run_root']})"),
        SimulatedTendril(api, engines=[{**engine, "name": "tofu" if engine["name"] == "terraform" else "terraform"}]).beat().name: ("ONLINE", f"Has no {engine['name']}"),
        SimulatedTendril(api).beat(draining=True).name: ("DRAINING", "Takes no new jobs"),
        SimulatedTendril(api).name: ("OFFLINE", "Has never connected"),
    }
    JobPage(page, planned["job"]["id"]).open().button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    for name, (status, why) in reasons.items():
        label = popover.locator("label", has=page.get_by_text(name, exact=True))
        expect(label.locator(".dot")).to_have_attribute("data-w", status)
        expect(label.get_by_role("radio")).to_be_disabled()
        expect(label.locator(".why")).to_have_text(why)
    expect(popover.locator("label", has=page.get_by_text("tendril-1", exact=True)).get_by_role("radio")).to_be_enabled()


def test_A4_plan_and_destroy_ask_for_the_tendril_too(page: Page, api: Api) -> None:
    vine = api.vine(MAIN, engine="tofu")
    able = SimulatedTendril(api, engines=[{**TERRAFORM, "name": "tofu"}]).beat()
    page.goto("/dashboard/vines")
    row = page.locator("tr", has_text=vine["project_name"])
    row.get_by_role("button", name="Plan").click()
    popover = page.get_by_role("dialog", name=f"Plan {vine['project_name']} / test")
    expect(popover.locator("label", has=page.get_by_text("tendril-1", exact=True)).locator(".why")).to_have_text("Has no tofu")
    # By keyboard, past those that can't be chosen.
    expect(popover.get_by_role("radio", name=re.compile("Any available"))).to_be_focused()
    expect(popover.get_by_role("radio", name=re.compile(able.name))).to_be_enabled()
    for _ in popover.get_by_role("radio").all():
        page.keyboard.press("ArrowDown")
        if popover.get_by_role("radio", name=re.compile(able.name)).is_checked():
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/jobs/*")
    plan = api.get(f"/api/jobs/{page.url.rsplit('/', 1)[1]}")
    assert plan["job_type"] == "PLAN" and plan["assigned_worker_id"] == able.id
    api.post(f"/api/jobs/{plan['id']}/cancel")

    page.goto("/dashboard/vines")
    row.get_by_role("button", name=re.compile("More actions")).click()
    page.get_by_role("menuitem", name=re.compile("Destroy")).click()
    dialog = page.get_by_role("dialog", name=re.compile("Destroy"))
    expect(dialog.get_by_role("radio", name=re.compile("tendril-1"))).to_be_disabled()
    dialog.get_by_role("radio", name=re.compile(able.name)).check()
    dialog.get_by_role("textbox").fill(f"{vine['project_name']} / test")
    dialog.get_by_role("button", name="Start DESTROY").click()
    page.wait_for_url("**/dashboard/jobs/*")
    destroy = api.get(f"/api/jobs/{page.url.rsplit('/', 1)[1]}")
    assert destroy["job_type"] == "DESTROY" and destroy["assigned_worker_id"] == able.id
    api.post(f"/api/jobs/{destroy['id']}/cancel")
