"""Force cancel, Give up and Break lock: each where it can be done, and each only after a second look."""

import re

import pytest
from playwright.sync_api import Page, expect

from harness import Api, SimulatedTendril, shell
from job_page import JobPage, until


def test_force_cancel_kills_hanging_engine(page: Page, api: Api, gate) -> None:
    # An engine that stands still hears nothing that it is asked.
    still = gate("still").path
    job = api.deploy(api.vine(shell(f"echo stuck-$((1 + 1)); sleep 1; kill -STOP $PPID; touch {still}; sleep 600"))["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(view.with_text("): stuck-2")).to_be_visible()
    until(page, still.exists, "an engine that stands still", 30)
    expect(view.button("Force cancel")).to_be_hidden()
    view.button("Cancel").click()
    view.shows("CANCELLED")
    expect(view.banner).to_contain_text("Terraform is still stopping")
    view.button("Force cancel").click()
    dialog = page.get_by_role("dialog", name="Force cancel")
    expect(dialog).to_contain_text("may exist without being in the state")
    dialog.get_by_role("button", name="Keep waiting").click()
    assert api.get(f"/api/jobs/{view.job}")["engine_state"] == "STOPPING"
    view.button("Force cancel").click()
    dialog.get_by_role("button", name="Kill Terraform").click()
    expect(dialog).to_be_hidden()
    view.is_complete()
    expect(view.button("Force cancel")).to_be_hidden()
    expect(view.banner).to_contain_text("Left unfinished: terraform_data.x")
    record = api.get(f"/api/jobs/{view.job}")
    assert record["engine_state"] == "GONE" and record["forced"] and record["outcome"]["signal"] == 9, record
    assert record["outcome"]["unfinished"] == ["terraform_data.x"] and record["outcome"]["lock_released"], record


@pytest.mark.slow
def test_a_job_whose_tendril_is_gone_is_given_up(page: Page, api: Api) -> None:
    job = SimulatedTendril(api, "gone for good").start()
    view = JobPage(page, job.id).open().shows("PROCESSING")
    expect(view.button("Give up")).to_be_hidden()
    expect(page.locator("[data-strip]")).to_contain_text(
        re.compile("No contact with gone for good for .*"), timeout=60_000)
    view.button("Give up").click()
    dialog = page.get_by_role("dialog", name="Give up this job")
    expect(dialog).to_contain_text("Vintner won't re-apply anything")
    dialog.get_by_role("button", name="Give up").click()
    view.shows("FAILED")
    expect(view.banner).to_contain_text(re.compile("Given up by .*: no contact with gone for good for "))
    expect(view.button("Give up")).to_be_hidden()
    expect(view.button("Re-run")).to_be_visible()


def test_a_lock_is_shown_with_its_holder_and_broken_only_after_its_name_is_typed(page: Page, api: Api) -> None:
    vine = api.vine("terraform {}", project="held")
    api.post(f"/api/vines/{vine['id']}/lock", {"ID": "l-1", "Who": "ana@laptop"})
    # The page offers to break a user's lock once it is an hour old.
    page.clock.install()
    page.goto(f"/dashboard/vines#{vine['id']}")
    row = page.locator(f'[data-vine="{vine["id"]}"]')
    expect(row).to_contain_text("ana@laptop")
    page.clock.fast_forward("01:01:00")
    row.get_by_role("button", name="Break lock").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("ana@laptop has held the state's lock since")
    act = dialog.get_by_role("button", name="Break lock")
    expect(act).to_be_disabled()
    dialog.get_by_role("textbox").fill("held / test")
    act.click()
    expect(dialog).to_be_hidden()
    expect(row).not_to_contain_text("ana@laptop")
    assert api.get(f"/api/vines/{vine['id']}").get("lock") is None
