"""D1–D3: the three collapsibles."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from harness import Api
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
    for text in (record["id"], record["job_type"], record["status"], "exited", "released (attempt 1)", "Requested Tendril", record["log_state"],
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
    pane = page.get_by_role("region", name="Config Snapshot")
    pane.get_by_role("tab", name="JSON").click()
    assert json.loads(pane.get_by_role("tabpanel").locator(".json").inner_text()) == record["config_snapshot"]


def test_D2_config_snapshot_shows_values_as_values_and_files_as_files(page: Page, api: Api) -> None:
    main = '# Waters the vines\nvariable "key" {\n  default = "a ${1 + 1} b" // two\n}\n\nresource "terraform_data" "a" {\n  input = 42\n}\n'
    vine = api.vine(main, variables={"region_count": 3, "note": "first line\nsecond line", "tags": {"team": "core"}})
    api.call("PATCH", f"/api/vines/{vine['id']}", {"source": {"type": "inline", "files": {"main.tf": main, "mod/notes.txt": "plain\u202e text\n"}}})
    opened(page, api.plan(vine["id"])["id"])
    pane = page.get_by_role("region", name="Config Snapshot")
    values = pane.get_by_role("tabpanel")
    expect(values).to_contain_text("2 inline files")
    entry = lambda name: values.get_by_role("region", name="Variables").locator(f"dt:text-is('{name}') + dd")
    expect(entry("region_count")).to_have_text("3")
    assert entry("note").locator("pre").inner_text() == "first line\nsecond line"
    assert json.loads(entry("tags").inner_text()) == {"team": "core"}
    tabs = pane.get_by_role("tab")
    assert tabs.all_inner_texts()[:2] == ["Values", "main.tf"] and tabs.last.inner_text() == "JSON"
    # From the tab that is chosen, the arrows lead on.
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    expect(pane.get_by_role("tab", name="main.tf")).to_have_attribute("aria-selected", "true")
    lines = pane.get_by_role("tabpanel").locator(".cl")
    assert lines.locator("code").all_text_contents() == main.rstrip("\n").split("\n")
    assert [line.get_attribute("data-n") for line in lines.locator(".cn").all()] == [str(n) for n in range(1, 9)]
    kinds = {kind: lines.locator(f".{kind}").all_text_contents() for kind in ("c", "b", "k", "s", "l", "n")}
    assert kinds["c"] == ["# Waters the vines", "// two"] and kinds["b"] == ["variable", "resource"]
    assert kinds["k"] == ["default", "input"] and kinds["n"] == ["42"] and kinds["l"] == ["${1 + 1}"]
    assert '"key"' in kinds["s"] and '"a ' in kinds["s"]
    # What can't be seen in a file is marked there too.
    pane.get_by_role("tab", name="mod/notes.txt").click()
    expect(pane.get_by_role("tabpanel").locator(".unseen")).to_have_attribute("data-name", "RLO")


def test_D3_execution_metadata_with_outputs_and_masks(page: Page, deployed) -> None:
    opened(page, deployed["job"]["id"])
    pane = page.get_by_role("region", name="Execution Metadata")
    expect(pane).to_contain_text('"place"')
    expect(pane).to_contain_text("https://example.com/<b>bold</b>")
    expect(pane.locator(".mask")).to_contain_text("sensitive")
    expect(page.locator("body")).not_to_contain_text("s3cret-value-never-shown")
    expect(pane.locator("b")).to_have_count(0)


def test_D_numbers_keep_their_digits(page: Page, api: Api) -> None:
    numbers = ["12345678901234567890", "0.1000000000000000055", "9007199254740993", "-1.50"]
    names = [f"n{number}" for number in range(len(numbers))]
    main = "".join(f'variable "{name}" {{\n  type = number\n}}\noutput "{name}" {{\n  value = var.{name}\n}}\n' for name in names)
    body = json.dumps({"project_name": "digits", "environment_stage": "dev", "source": {"type": "inline", "files": {"main.tf": main}}})
    variables = ", ".join(f'"{name}": {number}' for name, number in zip(names, numbers))
    made = api.session.post(f"{api.url}/api/vines", data=f'{body[:-1]}, "variables": {{{variables}}}}}', headers={"Content-Type": "application/json"})
    assert made.ok, made.text
    job = api.wait(api.deploy(made.json()["id"])["id"], "SUCCESS", log=True)
    view = opened(page, job["id"])
    for _ in ("the page's own data", "a fetch of the job"):
        entries = page.get_by_role("region", name="Config Snapshot").get_by_role("region", name="Variables").locator("dd")
        assert [entry.inner_text() for entry in entries.all()] == numbers
        found = page.get_by_role("region", name="Execution Metadata").inner_text()
        for number in (numbers[0], numbers[2]):
            assert f": {number}" in found, found
        page.get_by_role("button", name="Copy config JSON").click()
        expect(view.announced()).to_have_text("Copied JSON")
        assert all(f": {number}" in view.clipboard() for number in numbers)
        with page.expect_response(re.compile(rf"/api/jobs/{job['id']}$")):
            page.evaluate("async id => { const { get } = await import('/assets/js/lib/api.js'); await get(`/api/jobs/${id}`); }", job["id"])


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
