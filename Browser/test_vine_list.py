"""The list of vines, and the way a vine goes."""

import re
import uuid

from playwright.sync_api import Page, expect

from harness import Api, SimulatedTendril, shell
from watcher import Watcher

TWO = 'resource "terraform_data" "a" {\n  count = 2\n}\n'


def row_of(page: Page, vine):
    page.goto(f"/dashboard/vines?q={vine['project_name']}")
    return page.locator("tr", has_text=vine["project_name"])


def choose(page: Page, row, action: str) -> None:
    row.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name=action).click()


def test_a_row_shows_the_last_job_and_the_resources(page: Page, api: Api) -> None:
    vine = api.vine(TWO)
    row = row_of(page, vine)
    expect(row).to_contain_text("No jobs yet")
    job = api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    expect(row.locator('[data-job-status="SUCCESS"]')).to_be_visible(timeout=15_000)
    expect(row.locator('[data-label="Resources"]')).to_have_text("2")
    expect(row.get_by_role("button", name="Break lock")).to_have_count(0)
    row.get_by_role("link", name=re.compile("DEPLOY")).click()
    expect(page).to_have_url(re.compile(job["id"]))


def test_vines_are_found_as_their_rows_show_them(page: Page, api: Api) -> None:
    project = f"frost-{uuid.uuid4().hex[:6]}"
    api.vine(TWO, project=project, stage="demo")
    api.vine(TWO, project=project, stage="prod")
    page.goto("/dashboard/vines")
    page.get_by_label("Search vines").fill(f"{project} / demo")
    expect(page.locator("tr[data-vine]")).to_have_count(1)
    expect(page).to_have_url(re.compile("q="))
    page.reload()
    expect(page.locator("tr[data-vine]")).to_have_count(1)
    page.get_by_label("Search vines").fill("no such vine")
    expect(page.get_by_text("No vine matches this search.")).to_be_visible()
    page.get_by_role("button", name="Show all vines").click()
    expect(page.locator("tr[data-vine]").first).to_be_visible()
    page.goto("/dashboard/jobs")
    page.get_by_label("Search jobs").fill(f"{project} / demo")
    expect(page.get_by_text("No job matches these filters.")).to_be_visible()


def test_a_vine_with_resources_is_deleted_by_name_and_its_states_stay(page: Page, api: Api, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    vine = api.vine(TWO)
    plan = api.plan(vine["id"])
    api.wait(api.post(f"/api/jobs/{plan['id']}/apply", {})["id"], "SUCCESS", log=True)
    refused = api.call("DELETE", f"/api/vines/{vine['id']}", ok=False)
    assert refused.status_code == 409 and "2 resources" in refused.json()["error"]
    row = row_of(page, vine)
    choose(page, row, "Delete")
    dialog = page.get_by_role("dialog", name=re.compile("Delete"))
    expect(dialog).to_contain_text("Its 2 resources are not destroyed.")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_visible()
    do = dialog.get_by_role("button", name="Delete vine")
    expect(do).to_be_disabled()
    dialog.get_by_role("textbox").fill(f"{vine['project_name']} / test")
    do.click()
    expect(dialog).to_be_hidden()
    expect(row).to_have_count(0)
    versions = api.get(f"/api/vines/{vine['id']}/state/versions")["items"]
    assert versions and api.call("GET", f"/api/vines/{vine['id']}/state/versions/{versions[0]['number']}").ok
    # The job's page offers nothing that would not work.
    page.goto(f"/dashboard/jobs/{plan['id']}")
    expect(page.locator('[data-job-status="SUCCESS"]')).to_be_visible()
    for name in ("Re-run", "Apply"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)


def test_after_create_the_next_step_is_plan(page: Page) -> None:
    project = f"next-{uuid.uuid4().hex[:6]}"
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill(project)
    page.get_by_label("Stage").fill("dev")
    page.get_by_label("File content").fill(TWO)
    page.get_by_role("button", name="Create vine").click()
    step = page.get_by_role("group", name="Next step").get_by_role("button", name="Plan it")
    expect(step).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start PLAN").click()
    page.wait_for_url("**/dashboard/jobs/*")


def test_break_lock_stands_only_where_nobody_gives_the_lock_back(page: Page, api: Api, gate) -> None:
    go = gate()
    vine = api.vine(shell(go.wait))
    job = api.deploy(vine["id"])
    api.wait(job["id"], "PROCESSING")
    row = row_of(page, vine)
    expect(row.locator(".lock a")).to_have_text(job["id"][:8], timeout=20_000)
    expect(row.get_by_role("button", name="Break lock")).to_have_count(0)
    go.open()
    api.wait(job["id"], "SUCCESS")
    # A user's own Terraform: fine while it is new, left over after a while.
    api.call("LOCK", f"/api/vines/{vine['id']}/lock", {"ID": "mine", "Who": "ana@laptop"})
    expect(row.locator(".lock")).to_contain_text("ana@laptop", timeout=20_000)
    expect(row.get_by_role("button", name="Break lock")).to_have_count(0)
    api.call("UNLOCK", f"/api/vines/{vine['id']}/lock", {"ID": "mine"})

    # A job that has ended without giving its lock back.
    tendril = SimulatedTendril(api).beat()
    work = tendril.claim(api.job("PLAN", vine["id"], assigned_worker_id=tendril.id)["id"]).start()
    tendril.send("POST", f"/api/vines/{vine['id']}/lock", {"ID": f"{work.id}:{work.epoch}", "Who": tendril.name})
    expect(row.locator(".lock a")).to_have_text(work.id[:8], timeout=20_000)
    expect(row.get_by_role("button", name="Break lock")).to_have_count(0)
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE", log={"incomplete": "the middle was given up"})
    row.get_by_role("button", name="Break lock").click(timeout=20_000)
    dialog = page.get_by_role("dialog", name=re.compile("Break the lock"))
    expect(dialog).to_contain_text(re.compile(r"since \d+ \w+ \d{4}, \d\d:\d\d:\d\d"))
    expect(dialog.get_by_role("button", name="Keep lock")).to_be_visible()
    dialog.get_by_role("textbox").fill(f"{vine['project_name']}/test")
    dialog.get_by_role("button", name="Break lock").click()
    expect(row.locator(".lock")).to_have_count(0)


def test_back_leads_to_the_place_in_the_list(page: Page, api: Api) -> None:
    stage = f"s{uuid.uuid4().hex[:6]}"
    for number in range(70):
        api.vine(TWO, project=f"many-{number:02}", stage=stage)
    page.goto(f"/dashboard/vines?q={stage}")
    rows = page.locator("tr[data-vine]")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="More vines").click()
    expect(rows).to_have_count(70)
    rows.nth(60).scroll_into_view_if_needed()
    top = page.evaluate("scrollY")
    assert top > 500
    # Not by the bar's link: to click it, the test would scroll to the top.
    page.evaluate("location.assign('/dashboard/tendrils')")
    page.wait_for_url("**/tendrils")
    page.go_back()
    expect(rows).to_have_count(70)
    page.wait_for_function("top => Math.abs(scrollY - top) < 80", arg=top)
    expect(page.get_by_label("Search vines")).to_have_value(stage)


def test_the_environments_inputs_are_as_wide_as_the_others(page: Page) -> None:
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.locator("details.more summary").click()
    widths = {}
    for kind, add in (("sensitive_variables", "Add a sensitive variable"), ("environment", "Add an entry"), ("sensitive_environment", "Add a sensitive entry")):
        page.get_by_role("button", name=add).click()
        box = page.locator(f'[data-pairs="{kind}"] .pair').get_by_label("Value", exact=True).bounding_box()
        assert box
        widths[kind] = round(box["width"])
    assert len(set(widths.values())) == 1 and min(widths.values()) > 500, widths
