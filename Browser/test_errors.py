"""Errors over jobs, and search in the logs of many jobs."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from harness import Api, SimulatedTendril
from harness.tendril import SimulatedJob
from job_page import JobPage
from test_accessibility import IDS, LOOKS, check
from watcher import Watcher

LETTERS = str.maketrans("0123456789", "ghijklmnop")


def word() -> str:
    """A word that no other test uses, without digits: those don't count in an error's fingerprint."""
    return "Cause" + uuid.uuid4().hex[:10].translate(LETTERS)


def fail(tendril: SimulatedTendril, vine: str, cause: str, address: str = "aws_db_instance.main") -> SimulatedJob:
    """A PLAN that failed with this error, which its log shows."""
    api = tendril.api
    job = tendril.claim(api.job("PLAN", vine, assigned_worker_id=tendril.id)["id"]).start()
    job.print("".join(f"before {n}\n" for n in range(20)))
    job.print(f"╷\n│ Error: {cause}\n│ \n│   with {address},\n│   on main.tf line 7:\n╵\n", stream="STDERR")
    line = api.get(f"/api/jobs/{job.id}/logs/outline")["errors"][0]
    job.report(status="FAILED", engine_state="GONE", error_message=cause, outcome={
        "result": "FAILED", "phase": "plan", "exit_code": 1, "summary": "terraform plan ended with exit status 1.",
        "diagnostic": {"summary": cause, "detail": "", "address": address, "file": "main.tf", "line": 7, "others": 0}},
        errors=[{"summary": cause, "address": address, "file": "main.tf", "line": 7, "log_line": line}])
    return job


def succeed(tendril: SimulatedTendril, vine: str) -> SimulatedJob:
    job = tendril.claim(tendril.api.job("DESTROY", vine, assigned_worker_id=tendril.id)["id"]).start()
    job.report(status="SUCCESS", engine_state="GONE", outcome={"result": "SUCCEEDED", "summary": "Destroyed."})
    return job


def seen(api: Api) -> dict[str, Any]:
    """One cause in two vines; one of them has solved it."""
    tendril = SimulatedTendril(api)
    name = word()
    first, other = api.vine(project=f"shop-{name[-6:]}"), api.vine(project=f"search-{name[-6:]}")
    one = fail(tendril, other["id"], f"{name}: creating RDS DB Instance (search): not enough zones")
    solver = succeed(tendril, other["id"])
    two = fail(tendril, first["id"], f"{name}: creating RDS DB Instance (shop): not enough zones", "module.db.aws_db_instance.x[0]")
    return {"name": name, "vine": first, "other": other, "jobs": [one, two], "solver": solver, "tendril": tendril}


def row(page: Page, name: str) -> Locator:
    return page.locator(".err", has_text=name)


def test_a_cause_is_one_row_that_opens_to_its_vines_and_jobs(page: Page, api: Api) -> None:
    made = seen(api)
    page.goto(f"/dashboard/errors?q={made['name'].upper()}")
    error = row(page, made["name"])
    expect(error).to_have_count(1)
    expect(error.locator(".err-seen")).to_have_text("2 jobs in 2 vines")
    expect(error.locator("summary .now-w")).to_have_attribute("data-now", "NEW")
    expect(error.locator("summary")).to_contain_text("aws_db_instance · main.tf:7")
    expect(error.get_by_role("img", name="2 jobs in the last 14 days")).to_be_visible()
    error.locator("summary").click()
    vines = error.locator(".mini tbody tr")
    expect(vines).to_have_count(2)
    expect(vines.nth(0)).to_contain_text(f"{made['vine']['project_name']} / test")
    expect(vines.nth(0).locator(".now-w")).to_have_attribute("data-now", "OPEN")
    expect(vines.nth(1).locator(".now-w")).to_have_attribute("data-now", "SOLVED")
    expect(vines.nth(1).get_by_role("link", name=made["solver"].id[:8])).to_be_visible()
    expect(error.locator(".sightings li")).to_have_count(2)
    # A job's link leads to the line that names the error.
    error.locator(".sightings a").first.click()
    expect(page).to_have_url(re.compile(rf"/dashboard/jobs/{made['jobs'][1].id}#L\d+$"))
    expect(page.get_by_role("log").locator("[data-sel]")).to_contain_text(f"Error: {made['name']}")


def test_filters_are_in_the_address(page: Page, api: Api) -> None:
    made = seen(api)
    page.goto("/dashboard/errors")
    page.get_by_label("Search errors").fill(made["name"])
    expect(page.locator(".err")).to_have_count(1)
    page.get_by_label("Vine").select_option(label=f"{made['other']['project_name']} / test")
    expect(row(page, made["name"]).locator(".err-seen")).to_have_text("1 job in 1 vine")
    expect(row(page, made["name"]).locator("summary .now-w")).to_have_attribute("data-now", "SOLVED")
    page.reload()
    expect(row(page, made["name"]).locator(".err-seen")).to_have_text("1 job in 1 vine")
    page.get_by_label("Now").select_option("Open")
    expect(page.get_by_text("No error matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Show all errors").click()
    expect(page.locator(".err").first).to_be_visible()


def test_the_list_is_live(page: Page, api: Api) -> None:
    made = seen(api)
    page.goto(f"/dashboard/errors?q={made['name']}")
    error = row(page, made["name"])
    error.locator("summary").click()
    expect(error.locator(".sightings li")).to_have_count(2)
    fail(made["tendril"], made["vine"]["id"], f"{made['name']}: creating RDS DB Instance (again): not enough zones")
    expect(error.locator(".err-seen")).to_have_text("3 jobs in 2 vines", timeout=20_000)
    # An open row stays open.
    expect(error.locator(".sightings li")).to_have_count(3)


def test_a_failed_job_says_where_else_its_error_was_seen(page: Page, api: Api) -> None:
    made = seen(api)
    JobPage(page, made["jobs"][1].id).open()
    fact = page.locator("[data-seen]")
    expect(fact).to_have_text(re.compile(rf"Seen in 2 jobs of 2 vines, first on \d+ \w+ \d{{4}}, last solved by job {made['solver'].id[:8]}"))
    page.get_by_role("button", name="2 jobs of 2 vines").click()
    pop = page.get_by_role("dialog", name="Seen in 2 jobs of 2 vines")
    expect(pop.locator("tbody tr")).to_have_count(2)
    check(page)
    page.keyboard.press("Escape")
    expect(pop).to_have_count(0)
    expect(page.get_by_role("button", name="2 jobs of 2 vines")).to_be_focused()
    page.get_by_role("button", name="2 jobs of 2 vines").click()
    pop.get_by_role("link", name="Show all 2 jobs").click()
    expect(row(page, made["name"])).to_have_attribute("open", "")
    expect(row(page, made["name"]).locator(".sightings li")).to_have_count(2)


def test_an_error_that_is_new_is_called_so(page: Page, api: Api) -> None:
    tendril = SimulatedTendril(api)
    job = fail(tendril, api.vine()["id"], f"{word()}: it is broken")
    JobPage(page, job.id).open()
    expect(page.locator("[data-seen]")).to_have_text("First time")


def test_a_real_terraform_that_fails_twice(page: Page, api: Api) -> None:
    """Both runs have one fingerprint, although what they name differs."""
    name = word()

    def run(value: str) -> str:
        main = (f'resource "terraform_data" "{value}" {{\n  lifecycle {{\n    precondition {{\n      condition     = 1 == length(local.value)\n'
                f'      error_message = "{name} refuses \'{value}\' with {len(value)} letters."\n    }}\n  }}\n}}\nlocals {{\n  value = "{value}"\n}}\n')
        return api.wait(api.job("PLAN", api.vine(main)["id"])["id"], "FAILED", log=True)["id"]

    first, second = run("alpha"), run("gammas")
    items = [api.get(f"/api/jobs/{job}/errors")["items"] for job in (first, second)]
    assert [len(found) for found in items] == [1, 1]
    (one,), (two,) = items
    assert one["id"] == two["id"] and one["seen"]["jobs"] == 2 and one["seen"]["vines"] == 2
    assert one["file"] == "main.tf" and one["line"] == 4
    assert one["cause"].startswith("Resource precondition failed: ") and name in one["cause"]
    # The line of the log is the one that names the error.
    for job, error in ((first, one), (second, two)):
        line = api.get(f"/api/jobs/{job}/logs/lines?from={error['log_line']}&count=1")["lines"][0]
        assert line["n"] == error["log_line"] and line["text"].endswith("Error: Resource precondition failed")
    JobPage(page, second).open()
    expect(page.locator("[data-seen]")).to_contain_text("Seen in 2 jobs of 2 vines")


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_errors_are_accessible(page: Page, api: Api, options) -> None:
    made = seen(api)
    page.goto(f"/dashboard/errors?q={made['name']}")
    row(page, made["name"]).locator("summary").click()
    expect(row(page, made["name"]).locator(".sightings li")).to_have_count(2)
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto("/dashboard/errors?q=no-such-error")
    expect(page.get_by_text("No error matches these filters.")).to_be_visible()
    check(page)


def test_without_jobs_both_pages_say_so(browser, other_server) -> None:
    from harness.chromium import sign_in_by_link

    context = browser.new_context(base_url=other_server.url)
    page = sign_in_by_link(context, other_server.link)
    page.goto("/dashboard/errors")
    expect(page.get_by_text("No errors.", exact=True)).to_be_visible()
    page.goto("/dashboard/search?q=anything")
    expect(page.get_by_role("heading", name=re.compile("No log has .*anything"))).to_be_visible()
    expect(page.get_by_text("Searched 0 jobs.")).to_be_visible()
    context.close()


# ---- search


def logs(api: Api) -> dict[str, Any]:
    """Two jobs with a word in their logs."""
    tendril = SimulatedTendril(api)
    name = word()
    old = tendril.claim(tendril.queue()).start()
    old.print("".join(f"\u001b[32ma {name} in line {n}\u001b[0m\n" for n in range(8)))
    old.report(status="FAILED", engine_state="GONE", error_message="x")
    new = tendril.claim(tendril.queue()).start()
    new.print(f"hay\n<b>{name}</b> and {name.lower()}\n", stream="STDERR")
    return {"name": name, "old": old.id, "new": new.id}


def test_hits_of_many_jobs_newest_first(page: Page, api: Api) -> None:
    made = logs(api)
    page.goto("/dashboard/jobs")
    field = page.get_by_role("search", name="Logs").get_by_role("searchbox")
    field.fill(made["name"])
    field.press("Enter")
    expect(page).to_have_url(re.compile(f"/dashboard/search\\?q={made['name']}"))
    expect(page.locator("[data-said]")).to_have_text("9 lines in 2 jobs")
    jobs = page.locator(".hit-j")
    expect(jobs).to_have_count(2)
    expect(jobs.nth(0)).to_have_attribute("data-job", made["new"])
    expect(jobs.nth(0).locator("mark")).to_have_text([made["name"], made["name"].lower()])
    expect(jobs.nth(0).locator(".tx")).to_have_text(f"<b>{made['name']}</b> and {made['name'].lower()}")
    expect(jobs.nth(1).locator(".hits li")).to_have_count(5)
    expect(jobs.nth(1)).to_contain_text("3 more lines in this job")
    page.get_by_label("Case-sensitive").check()
    expect(jobs.nth(0).locator("mark")).to_have_text([made["name"]])
    page.get_by_label("Status").select_option("FAILED")
    expect(jobs).to_have_count(1)
    expect(page.locator("[data-said]")).to_have_text("8 lines in 1 job")
    page.reload()
    expect(page.locator("[data-said]")).to_have_text("8 lines in 1 job")
    line = jobs.nth(0).locator(".hits a").nth(2)
    expect(line).to_have_attribute("href", re.compile(rf"^/dashboard/jobs/{made['old']}#L\d+$"))
    line.click()
    expect(page.get_by_role("log").locator("[data-sel]")).to_contain_text(f"a {made['name']} in line 2")


def test_a_regular_expression_between_slashes(page: Page, api: Api, watcher: Watcher) -> None:
    watcher.network_may_fail = True  # an invalid pattern is refused on purpose
    made = logs(api)
    page.goto("/dashboard/search")
    expect(page.get_by_role("heading", name="Search the logs of many jobs")).to_be_visible()
    field = page.get_by_role("searchbox", name="Search the logs of many jobs")
    expect(field).to_be_focused()
    field.fill(f"/{made['name']} in line [67]$/")
    field.press("Enter")
    expect(page.locator("[data-said]")).to_have_text("2 lines in 1 job")
    field.fill("/(/")
    field.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Invalid regular expression")).to_be_visible()
    field.fill(f"{made['name']}-nowhere")
    field.press("Enter")
    expect(page.get_by_role("heading", name=re.compile(f"No log has .*{made['name']}-nowhere"))).to_be_visible()


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_search_is_accessible(page: Page, api: Api, options) -> None:
    made = logs(api)
    page.goto("/dashboard/search")
    expect(page.get_by_role("heading", name="Search the logs of many jobs")).to_be_visible()
    check(page)
    page.goto(f"/dashboard/search?q={made['name']}")
    expect(page.locator("[data-said]")).to_have_text("9 lines in 2 jobs")
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
