"""A2, A3: whether a plan can still be applied is said before the click, with the way out; what applies asks first."""

import re

import pytest
from playwright.sync_api import Page, expect

from harness import Api, SimulatedTendril, shell
from job_page import JobPage


def other_job(page: Page, old: str) -> str:
    page.wait_for_url(lambda url: "/dashboard/jobs/" in url and old not in url)
    return page.url.rsplit("/", 1)[1]


def test_A2_changed_configuration_is_said_and_the_way_out_plans_the_vine_as_it_is(page: Page, api: Api) -> None:
    vine = api.vine(shell("echo x"), variables={})
    plan = api.plan(vine["id"])
    api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "us-east-1"})
    view = JobPage(page, plan["id"]).open()
    expect(view.banner).to_contain_text("Out of date: the vine changed after this plan")
    expect(view.button("Apply")).not_to_have_class(re.compile("primary"))
    view.banner.get_by_role("button", name="Plan current configuration").click()
    again = api.wait(other_job(page, plan["id"]), "SUCCESS", log=True)
    assert again["config_snapshot"]["region"] == "us-east-1" and not again.get("rerun_of")
    assert api.get(f"/api/jobs/{again['id']}/apply-check")["valid"]


def test_A2_moved_state_is_said_with_its_serials_and_the_way_out_is_a_rerun(page: Page, api: Api) -> None:
    vine = api.vine('resource "terraform_data" "a" {}\n')
    first, second = api.plan(vine["id"]), api.plan(vine["id"])
    api.wait(api.post(f"/api/jobs/{second['id']}/apply", {})["id"], "SUCCESS", log=True)
    view = JobPage(page, first["id"]).open()
    expect(view.banner).to_contain_text(re.compile(r"Out of date: the state moved from none to serial \d+ after this plan"))
    view.button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    expect(popover.get_by_role("button", name="Start DEPLOY")).to_be_disabled()
    popover.get_by_role("button", name="Plan current configuration").click()
    again = api.wait(other_job(page, first["id"]), "SUCCESS", log=True)
    assert again["rerun_of"] == first["id"]
    assert api.get(f"/api/jobs/{again['id']}/apply-check")["valid"]


def test_A2_a_current_plan_says_so_with_the_serial_and_asks_with_the_counts(page: Page, api: Api) -> None:
    vine = api.vine('resource "terraform_data" "a" {}\n')
    api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    api.call("PATCH", f"/api/vines/{vine['id']}", {"source": {"type": "inline", "files": {"main.tf": 'resource "terraform_data" "b" {\n  count = 2\n}\n'}}})
    plan = api.plan(vine["id"])
    serial = api.get(f"/api/jobs/{plan['id']}/apply-check")["state_serial"]
    assert serial >= 1
    view = JobPage(page, plan["id"]).open()
    expect(view.banner).to_contain_text("Ready to apply. Nothing has changed since this plan.")
    expect(view.button("Apply")).to_have_class(re.compile("primary"))
    view.button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    expect(popover).to_contain_text(f"Nothing has changed since it was made (state serial {serial}).")
    assert [node.inner_text() for node in popover.locator(".deltas span").all()] == ["+2 add", "~0 change", "−1 destroy"]

@pytest.mark.parametrize("change, planned, done, delta", [
    ("import", "1 to import", "1 imported", "↓1 import"),
    ("move", "1 moved", "1 moved", "→1 move"),
    ("forget", "1 to forget", "1 forgotten", "×1 forget"),
])
def test_A2_a_plan_that_touches_no_resource_is_shown_as_a_change(
        page: Page, api: Api, change: str, planned: str, done: str, delta: str) -> None:
    resource = 'resource "terraform_data" "a" {\n  input = "x"\n}\n'
    moved = resource.replace('"a"', '"b"') + "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n"
    forgotten = "removed {\n  from = terraform_data.a\n  lifecycle {\n    destroy = false\n  }\n}\n"
    imported = resource.replace('"a"', '"c"').replace('  input = "x"\n', "") + \
        'import {\n  to = terraform_data.c\n  id = "7d3b1a52-0000-4000-8000-000000000001"\n}\n' + resource
    vine = api.vine(resource)
    api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    main = {"import": imported, "move": moved, "forget": forgotten}[change]
    api.call("PATCH", f"/api/vines/{vine['id']}", {"source": {"type": "inline", "files": {"main.tf": main}}})
    plan = api.plan(vine["id"])
    view = JobPage(page, plan["id"]).open()
    expect(view.banner).to_contain_text(planned)
    expect(view.banner).not_to_contain_text("no changes")
    metadata = view.details("Execution Metadata")
    expect(metadata).to_contain_text(change)
    view.button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    expect(popover.locator(".deltas")).to_contain_text(delta)
    expect(popover).not_to_contain_text("changes nothing")
    popover.get_by_role("button", name="Start DEPLOY").click()
    deploy = other_job(page, plan["id"])
    api.wait(deploy, "SUCCESS", log=True)
    expect(view.banner).to_contain_text(done)
    page.goto("/dashboard/jobs")
    expect(page.locator(f'tr[data-id="{deploy}"]')).to_contain_text(f"{change} 1")


def test_A3_rerun_of_a_destroy_asks_for_the_name_first(page: Page, api: Api) -> None:
    vine = api.vine('resource "terraform_data" "a" {}\n')
    destroy = api.wait(api.job("DESTROY", vine["id"])["id"], "SUCCESS", log=True)
    view = JobPage(page, destroy["id"]).open()
    view.button("Re-run").click()
    dialog = page.get_by_role("dialog", name=re.compile("Re-run: DESTROY"))
    start = dialog.get_by_role("button", name="Start DESTROY")
    expect(start).to_be_disabled()
    dialog.get_by_role("textbox").fill(f"{vine['project_name']} / test")
    start.click()
    again = api.get(f"/api/jobs/{other_job(page, destroy['id'])}")
    assert again["job_type"] == "DESTROY" and again["rerun_of"] == destroy["id"]


def test_A3_rerun_of_a_deploy_that_never_started_applies_the_same_plan_and_asks_with_the_counts(page: Page, api: Api) -> None:
    plan = api.plan(api.vine('resource "terraform_data" "a" {}\n')["id"])
    deploy = api.post(f"/api/jobs/{plan['id']}/apply", {"assigned_worker_id": SimulatedTendril(api).id})
    api.post(f"/api/jobs/{deploy['id']}/cancel")
    view = JobPage(page, deploy["id"]).open()
    expect(view.banner).to_contain_text(f"Re-run: applies plan {plan['id'][:8]}, which is still valid")
    view.button("Re-run").click()
    dialog = page.get_by_role("dialog", name=re.compile("Re-run: DEPLOY"))
    expect(dialog).to_contain_text("+1 add")
    dialog.get_by_role("button", name="Start DEPLOY").click()
    again = api.get(f"/api/jobs/{other_job(page, deploy['id'])}")
    assert again["job_type"] == "DEPLOY" and again["plan_job_id"] == plan["id"] and again["rerun_of"] == deploy["id"]
    api.post(f"/api/jobs/{again['id']}/cancel")


def test_A3_what_a_rerun_makes_is_said_when_the_job_ends_under_the_eyes(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    go.open()
    view.shows("SUCCESS")
    expect(view.button("Re-run")).to_have_attribute("title", "Creates a new plan; a saved plan applies once.")
