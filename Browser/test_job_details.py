"""D1–D3: the three collapsibles."""

import json

import pytest
from playwright.sync_api import Page, expect

from conftest import Api
from job_page import JobPage

NAMES = ("Job Details", "Config Snapshot", "Execution Metadata")


def opened(page: Page, job: str) -> JobPage:
    view = JobPage(page, job).open()
    for name in NAMES:
        details = view.details(name)
        if details.get_attribute("open") is None:
            details.locator("summary").click()
    return view


def test_D1_all_metadata(page: Page, api: Api, deployed) -> None:
    view = opened(page, deployed["job"]["id"])
    pane = page.get_by_role("region", name="Job Details")
    record = api.get(f"/api/jobs/{view.job}")
    for text in (record["id"], record["job_type"], record["status"], record["engine_state"], record["log_state"],
                 record["worker_name"], record["created_by"], record["plan_job_id"][:8]):
        expect(pane).to_contain_text(text)
    times = pane.locator("time")
    expect(times).to_have_count(4)
    assert [node.get_attribute("datetime") for node in times.all()] == [
        record[name] for name in ("created_at", "claimed_at", "started_at", "completed_at")]
    expect(pane.get_by_role("link", name=record["plan_job_id"][:8])).to_have_attribute("href", f"/dashboard/jobs/{record['plan_job_id']}")


def test_D2_config_snapshot_is_the_jobs_own_as_json(page: Page, api: Api, deployed) -> None:
    view = opened(page, deployed["job"]["id"])
    record = api.get(f"/api/jobs/{view.job}")
    page.get_by_role("button", name="Copy config JSON").click()
    expect(view.announced()).to_have_text("Copied JSON")
    assert json.loads(view.clipboard()) == record["config_snapshot"]
    pane = page.get_by_role("region", name="Config Snapshot").locator(".json")
    assert json.loads(pane.inner_text()) == record["config_snapshot"]
    # A file is read line by line.
    lines = pane.locator(".lines span").all()
    assert len(lines) == record["config_snapshot"]["source"]["files"]["main.tf"].count("\n")
    tops = [line.bounding_box()["y"] for line in lines]
    assert tops == sorted(set(tops))


def test_D3_execution_metadata_with_outputs_and_masks(page: Page, deployed) -> None:
    opened(page, deployed["job"]["id"])
    pane = page.get_by_role("region", name="Execution Metadata")
    expect(pane).to_contain_text('"place"')
    expect(pane).to_contain_text("https://example.com/<b>bold</b>")
    expect(pane.locator(".mask")).to_contain_text("sensitive")
    expect(page.locator("body")).not_to_contain_text("s3cret-value-never-shown")
    expect(pane.locator("b")).to_have_count(0)


def test_D_sensitive_values_are_nowhere_on_the_page(page: Page, api: Api) -> None:
    secret = "correct-horse-battery"
    vine = api.vine(
        'variable "password" {\n  sensitive = true\n}\nresource "terraform_data" "a" {\n  input = sha256(var.password)\n}\n',
        project="secretive", sensitive_variables={"password": secret})
    job = api.plan(vine["id"])
    view = opened(page, job["id"])
    view.is_complete()
    assert secret not in page.content()
    expect(page.get_by_role("region", name="Config Snapshot")).to_contain_text("password")


@pytest.mark.parametrize("options", [{"viewport": {"width": 2560, "height": 1300}}], ids=["2560"])
def test_D_beside_the_log_where_there_is_room_and_remembered(page: Page, deployed, options) -> None:
    view = JobPage(page, deployed["job"]["id"]).open()
    for name in NAMES:
        expect(view.details(name)).to_have_attribute("open", "")
    view.details("Config Snapshot").locator("summary").click()
    page.reload()
    expect(view.details("Config Snapshot")).not_to_have_attribute("open", "")
    expect(view.details("Job Details")).to_have_attribute("open", "")
