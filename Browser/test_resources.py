"""The view *Resources*: what a job does to each resource, live and afterwards."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from harness import Api, Gates, SimulatedTendril
from harness.tendril import SimulatedJob
from job_page import JobPage, until
from test_accessibility import IDS, LOOKS, check


def at(seconds: float) -> str:
    """`seconds` from now, as the API writes it."""
    moment = datetime.fromtimestamp(time.time() + seconds, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def resource(address: str, state: str = "running", action: str = "create", start: float | None = None,
             end: float | None = None, line: int | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {"address": address, "action": action, "state": state}
    if start is not None:
        item["started_at"] = at(start)
    if end is not None:
        item["ended_at"] = at(end)
    if line is not None:
        item["first_line"] = line
    return item


def graph(*nodes: tuple[str, str, list[str]]) -> dict[str, Any]:
    """Nodes are (address, action, dependencies); each is a block of its own."""
    names = [address for address, _, _ in nodes]
    return {
        "nodes": [{"address": address, "action": action, "group": index} for index, (address, action, _) in enumerate(nodes)],
        "groups": names, "dependencies": [[names.index(name) for name in needs] for _, _, needs in nodes], "omitted": 0,
    }


SHOP = graph(
    ("module.net.x_vpc.main", "create", []), ('module.db["a.b: c"].x_db.main', "create", ["module.net.x_vpc.main"]),
    ("module.app.x_app.web", "create", ['module.db["a.b: c"].x_db.main']), ("x_dns.site", "create", []))
DB = 'module.db["a.b: c"].x_db.main'


def row(page: Page, address: str) -> Locator:
    quoted = address.replace("\\", "\\\\").replace('"', '\\"')
    return page.locator(f'[data-resource="{quoted}"]')


def shop(api: Api) -> SimulatedJob:
    """Half-way through: the network is done, the database runs."""
    job = SimulatedTendril(api).start("DESTROY")
    job.resources(graph=SHOP)
    job.print("".join(f"line {n}\n" for n in range(30)) + f"{DB}: Creating...\n")
    job.resources(
        resource("module.net.x_vpc.main", "done", start=-40, end=-30, line=5), resource("x_dns.site", "done", start=-40, end=-38),
        resource(DB, start=-30, line=33))
    return job


def open_view(page: Page, job: str) -> JobPage:
    view = JobPage(page, job).open("?view=resources")
    # The module is loaded first.
    expect(page.locator(".wf-panel")).to_be_visible(timeout=60_000)
    return view


def test_resources_are_followed_while_the_job_runs(page: Page, api: Api) -> None:
    job = shop(api)
    open_view(page, job.id)
    expect(page.locator('[data-view="resources"]')).to_have_attribute("aria-current", "page")
    expect(row(page, DB)).to_have_attribute("data-state", "running")
    expect(row(page, DB)).to_have_attribute("data-action", "create")
    expect(row(page, DB).locator(".crit")).to_be_visible()
    expect(row(page, "x_dns.site").locator(".crit")).to_have_count(0)
    expect(row(page, "module.app.x_app.web")).to_have_attribute("data-state", "waiting")
    expect(row(page, "module.app.x_app.web")).to_contain_text(f"waits for {DB}")
    expect(page.locator(".now-l")).to_be_visible()
    # The engine is silent: the bar grows, and nothing calls it stalled.
    took = row(page, DB).locator(".took")
    before = took.inner_text()
    expect(took).not_to_have_text(before)
    # The next state comes without a reload.
    job.resources(resource(DB, "done", start=-60, end=0, line=33), resource("module.app.x_app.web", start=0, line=40))
    expect(row(page, DB)).to_have_attribute("data-state", "done")
    expect(row(page, "module.app.x_app.web")).to_have_attribute("data-state", "running")
    expect(page.locator(".wf-counts")).to_have_text("1 running, 3 of 4 done")
    # Nothing runs after the end.
    job.report(status="FAILED", engine_state="GONE", error_message="x")
    expect(row(page, "module.app.x_app.web")).to_have_attribute("data-state", "unknown")
    expect(page.locator(".now-l")).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text(re.compile("stall|stuck", re.I))


def test_all_rows_show_one_time_axis(page: Page, api: Api) -> None:
    job = shop(api)
    open_view(page, job.id)
    # The last row waits and has no bar.
    steps = lambda: page.locator(".lane").evaluate_all("lanes => lanes.map(lane => lane.style.getPropertyValue('--tick'))")
    expect(page.locator(".lane")).to_have_count(4)
    first = steps()[0]
    until(page, lambda: steps()[0] != first, "an axis that has grown")
    until(page, lambda: len(set(steps())) == 1, "the same axis in each row")


def part(action: str, start: float, end: float | None = None, line: int | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"action": action, "started_at": at(start)}
    if end is not None:
        made["ended_at"] = at(end)
    if line is not None:
        made["first_line"] = line
    return made


def replacing(api: Api) -> SimulatedJob:
    """Both orders: one waits for its second part, one is in it, and one is done."""
    job = SimulatedTendril(api).start("DESTROY")
    job.print("".join(f"line {n}\n" for n in range(30)))
    job.resources(graph=graph(
        ("x_db.half", "replace_delete_first", ["x_net.other"]), ("x_net.other", "create", []), ("x_web.first", "replace_create_first", []),
        ("x_web.second", "replace_delete_first", [])))
    job.resources(
        resource("x_db.half", "done", action="delete", start=-60, end=-45, line=3), resource("x_net.other", start=-45, line=9),
        {**resource("x_web.first", "done", action="replace_create_first", start=-60, end=-5, line=5),
         "parts": [part("create", -60, -40, 5), part("delete", -10, -5, 20)]},
        {**resource("x_web.second", "running", action="replace_delete_first", start=-60, line=6),
         "parts": [part("delete", -60, -50, 6), part("create", -50, None, 12)]})
    return job


def test_a_replacement_has_a_bar_for_each_part(page: Page, api: Api) -> None:
    job = replacing(api)
    open_view(page, job.id)
    kinds = lambda address: row(page, address).locator(".bar-s").evaluate_all("bars => bars.map(bar => [bar.dataset.k, bar.dataset.line])")
    expect(row(page, "x_web.first").locator(".bar-s")).to_have_count(2)
    assert kinds("x_web.first") == [["done", "5"], ["del", "20"]]
    assert kinds("x_web.second") == [["del", "6"], ["run", "12"]]
    # The first part shows while the resource waits for its second one.
    expect(row(page, "x_db.half")).to_have_attribute("data-state", "waiting")
    expect(row(page, "x_db.half")).to_contain_text("waits for x_net.other")
    assert kinds("x_db.half") == [["del", "3"]]
    # What lies between the parts does not count.
    expect(row(page, "x_web.first").locator(".took")).to_have_text("25 s")
    row(page, "x_web.first").locator(".name").click()
    expect(page.locator(".peek")).to_contain_text("Replaced. Created in 20 s. Destroyed in 5.0 s.")
    row(page, "x_web.first").locator(".bar-s").last.click()
    expect(page).to_have_url(re.compile("#L20$"))


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_resources_are_accessible(page: Page, api: Api, options) -> None:
    job = shop(api)
    open_view(page, job.id)
    expect(row(page, DB)).to_have_attribute("data-state", "running")
    expect(page.get_by_label("Filter by address")).to_be_in_viewport()
    check(page)
    row(page, DB).click()
    expect(page.locator(".peek")).to_be_visible()
    check(page)


def test_a_bar_leads_to_its_first_line_and_a_line_to_its_resource(page: Page, api: Api) -> None:
    job = shop(api)
    view = open_view(page, job.id)
    row(page, DB).locator(".bar-s").click()
    expect(page.locator('[data-view="log"]')).to_have_attribute("aria-current", "page")
    line = view.with_text(f"{DB}: Creating...")
    expect(line).to_be_visible()
    expect(page).to_have_url(re.compile(r"#L33$"))
    number = int(line.get_attribute("data-line") or 0)
    view.line(number).locator(".no").click()  # clears, as it was selected
    view.line(number).locator(".no").click()
    page.get_by_role("button", name="Show in Resources").click()
    expect(row(page, DB)).to_be_focused()
    expect(row(page, DB)).to_have_attribute("aria-selected", "true")
    # The address names it, too.
    page.reload()
    expect(page.locator(".wf-panel")).to_be_visible(timeout=60_000)
    expect(row(page, DB)).to_have_attribute("aria-selected", "true")
    page.locator(".peek").get_by_role("button", name="Go to line 33").click()
    expect(line).to_be_visible()


def test_the_keyboard_moves_selects_and_filters(page: Page, api: Api) -> None:
    job = shop(api)
    open_view(page, job.id)
    expect(row(page, DB)).to_be_visible()
    page.keyboard.press("j")
    expect(row(page, DB)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, "module.app.x_app.web")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, "module.app.x_app.web")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(row(page, "module.app.x_app.web")).to_have_attribute("aria-selected", "false")
    page.keyboard.press("p")
    expect(row(page, "x_dns.site")).to_have_count(0)
    page.keyboard.press("p")
    expect(row(page, "x_dns.site")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("DNS")
    expect(page.locator("[data-resource]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("[data-resource]")).to_have_count(4)
    page.keyboard.press("1")
    expect(page.get_by_role("log")).to_be_visible()
    page.keyboard.press("3")
    expect(row(page, DB)).to_be_visible()


def test_a_row_does_not_move_under_the_pointer(page: Page, api: Api) -> None:
    job = shop(api)
    open_view(page, job.id)
    row(page, DB).hover()
    box = row(page, DB).bounding_box()
    job.resources(resource(DB, "failed", start=-60, end=0, line=33))
    expect(row(page, DB)).to_have_attribute("data-state", "failed")
    assert row(page, DB).bounding_box() == box
    page.mouse.move(5, 5)
    expect(page.get_by_role("heading", name="Failed")).to_be_visible()


def test_a_thousand_resources_stay_fluid(page: Page, api: Api) -> None:
    job = SimulatedTendril(api).start("DESTROY")
    count = 1000
    job.resources(graph=graph(*((f"x_service.web[{n}]", "create", []) for n in range(count))))
    job.resources(*(resource(f"x_service.web[{n}]", "done" if n < 500 else "running", start=-n, end=0 if n < 500 else None)
                    for n in range(900)))
    open_view(page, job.id)
    expect(page.locator(".wf-counts")).to_have_text("400 running, 500 of 1,000 done")
    assert page.locator("[data-resource]").count() <= 60
    scroll = page.locator(".wf-panel .scroll")
    longest = scroll.evaluate(
        """async scroll => {
          let longest = 0;
          for (let top = 0; top <= scroll.scrollHeight; top += 900) {
            const start = performance.now();
            scroll.scrollTop = top;
            await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
            longest = Math.max(longest, performance.now() - start);
          }
          return longest;
        }""")
    assert longest < 5000, f"{longest} ms"
    assert page.locator("[data-resource]").count() <= 60
    expect(page.locator("[data-resource]").last).to_be_visible()


def test_the_log_loads_nothing_of_it(page: Page, api: Api) -> None:
    job = shop(api)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    view = JobPage(page, job.id).open()
    expect(view.with_text("line 29")).to_be_visible()
    assert not [url for url in asked if "/job/resources/" in url or url.endswith("/resources")], asked
    page.locator('[data-view="resources"]').click()
    expect(row(page, DB)).to_be_visible()
    page.locator('[data-view="log"]').click()
    expect(view.log).to_be_visible()
    # Back at the log, nothing is asked for any more.
    last = len([url for url in asked if url.endswith("/resources") or "since=" in url])
    job.print("the end\n")
    expect(view.with_text("the end")).to_be_visible()
    assert len([url for url in asked if url.endswith("/resources") or "since=" in url]) <= last + 1


def test_a_job_without_resources_says_so(page: Page, api: Api) -> None:
    job = SimulatedTendril(api).start("PLAN")
    open_view(page, job.id)
    expect(page.locator(".wf-note")).to_have_text("No resource so far.")
    job.report(status="FAILED", engine_state="GONE", error_message="x")
    expect(page.locator(".wf-note")).to_have_text("This plan refreshed and read nothing.")


def test_real_terraform_fails_in_the_middle(page: Page, api: Api, gate: Gates) -> None:
    """Real lines: the network is made, the database fails, and the application never starts."""
    goes_on = gate("db")
    vine = api.vine(
        'resource "terraform_data" "net" {\n  count = 2\n}\n'
        'resource "terraform_data" "db" {\n  depends_on = [terraform_data.net]\n'
        f'  provisioner "local-exec" {{\n    command = "echo terraform_data.app: Creating...; {goes_on.wait}; exit 3"\n  }}\n}}\n'
        'resource "terraform_data" "app" {\n  input = terraform_data.db.id\n}\n')
    plan = api.plan(vine["id"])
    job = api.post(f"/api/jobs/{plan['id']}/apply", {})["id"]
    open_view(page, job)
    expect(row(page, "terraform_data.db")).to_have_attribute("data-state", "running", timeout=60_000)
    for name in ("terraform_data.net[0]", "terraform_data.net[1]"):
        expect(row(page, name)).to_have_attribute("data-state", "done")
    # What the provisioner printed did not start it.
    expect(row(page, "terraform_data.app")).to_have_attribute("data-state", "waiting")
    expect(row(page, "terraform_data.app")).to_contain_text("waits for terraform_data.db")
    expect(row(page, "terraform_data.db").locator(".crit")).to_be_visible()
    goes_on.open()
    expect(row(page, "terraform_data.db")).to_have_attribute("data-state", "failed", timeout=60_000)
    expect(page.get_by_role("heading", name="Not started")).to_be_visible()
    items = {item["address"]: item for item in api.get(f"/api/jobs/{job}/resources")["items"]}
    assert {name: item["state"] for name, item in items.items()} == {
        "terraform_data.net[0]": "done", "terraform_data.net[1]": "done", "terraform_data.db": "failed", "terraform_data.app": "waiting"}
    for name in ("terraform_data.net[0]", "terraform_data.db"):
        window = api.get(f"/api/jobs/{job}/logs/lines?from={items[name]['first_line']}&count=1")
        assert window["lines"][0]["text"] == f"{name}: Creating...", window
    until(page, lambda: not api.get(f"/api/jobs/{plan['id']}/resources")["items"], "the plan did nothing")


def test_the_strip_forecasts_the_end_from_earlier_jobs(page: Page, api: Api) -> None:
    tendril = SimulatedTendril(api)
    vine = api.vine()["id"]

    def start() -> SimulatedJob:
        job = tendril.claim(api.job("DESTROY", vine, assigned_worker_id=tendril.id)["id"]).start()
        return job.resources(graph=SHOP)

    first = start()
    strip = page.locator("[data-strip]")
    first.resources(resource("module.net.x_vpc.main", start=-100))
    JobPage(page, first.id).open()
    expect(strip).to_contain_text("4 of 4 left. No history yet.")
    first.resources(
        resource("module.net.x_vpc.main", "done", start=-100, end=-90), resource(DB, "done", start=-90, end=330),
        resource("module.app.x_app.web", "done", start=330, end=390), resource("x_dns.site", "done", start=-100, end=-98))
    first.report(status="FAILED", engine_state="GONE", error_message="x")
    assert not api.get(f"/api/jobs/{first.id}").get("forecast")

    second = start()
    second.resources(
        resource("module.net.x_vpc.main", "done", start=-70, end=-60), resource("x_dns.site", "done", start=-70, end=-68),
        resource(DB, start=-60))
    forecast = api.get(f"/api/jobs/{second.id}")["forecast"]
    assert 390_000 < forecast["remaining_ms"] <= 421_000 and forecast["p90_ms"] >= forecast["remaining_ms"], forecast
    assert forecast["waiting_on"] == DB and forecast["basis"], forecast
    JobPage(page, second.id).open()
    expect(strip).to_contain_text(re.compile(r"2 of 4 left, about \d min"))
    expect(strip).to_contain_text(f"waiting for {DB} (usually 7 min)")
    expect(strip.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    page.goto("/dashboard/jobs")
    expect(page.locator(f'[data-id="{second.id}"] [data-duration]')).to_contain_text(re.compile(r"about \d min.* left"))


def test_a_plan_and_the_job_behind_it_have_a_forecast(page: Page, api: Api) -> None:
    tendril = SimulatedTendril(api)
    vine = api.vine()["id"]

    def plan() -> SimulatedJob:
        return tendril.claim(api.job("PLAN", vine, assigned_worker_id=tendril.id)["id"]).start()

    first = plan()
    until(page, lambda: not api.get(f"/api/jobs/{first.id}").get("forecast"), "without a history there is no forecast")
    page.wait_for_timeout(3000)
    first.save().report(status="SUCCESS", engine_state="GONE")
    second = plan()
    # It is made after the start is acknowledged.
    until(page, lambda: api.get(f"/api/jobs/{second.id}").get("forecast"), "the plan before gives one")
    record = api.get(f"/api/jobs/{second.id}")
    assert record["forecast"]["basis"] == "the last plan" and "progress" not in record, record
    behind = api.job("PLAN", vine, assigned_worker_id=tendril.id)
    waits = api.get(f"/api/jobs/{behind['id']}")["waiting_for"]
    assert waits["kind"] == "job" and waits["job_id"] == second.id and waits["starts_at"], waits
    JobPage(page, second.id).open()
    expect(page.locator("[data-strip]")).to_contain_text(re.compile(r"(About \d s left|Almost done)"))
    page.wait_for_timeout(2000)
    second.save().report(status="SUCCESS", engine_state="GONE")
    accuracy = api.get(f"/api/forecasts?vine_id={vine}")
    assert accuracy["count"] == 1 and accuracy["items"][0]["job_id"] == second.id, accuracy
    assert accuracy["median_error"] == accuracy["p90_error"] == accuracy["items"][0]["error"], accuracy
