"""What users and their programs write is shown, never run: names, log text, outputs, errors."""

import re

import pytest
from playwright.sync_api import Page, expect

from harness import Api, shell
from job_page import JobPage

CORPUS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "'-alert(1)-'",
    "javascript:alert(1)",
    "</script><script>alert(1)</script>",
    "{{title}} {{{json}}} {{>head}}",
    "<!--<script>",
    "&lt;b&gt; &amp; <b>bold</b>",
]


@pytest.mark.parametrize("text", CORPUS)
def test_vine_names_are_text_on_every_page(page: Page, api: Api, text: str) -> None:
    vine = api.vine('resource "terraform_data" "a" {}\n', project=text, stage=text)
    job = api.plan(vine["id"])
    JobPage(page, job["id"]).open().is_complete()
    assert page.locator("h1").text_content().count(text) == 2
    for details in page.locator("details").all():
        details.locator("summary").click()
    # The JSON in the page is whole: nothing in it ended its element.
    assert page.evaluate("JSON.parse(document.getElementById('job-data').textContent).vine.project_name") == text
    for path in ("/dashboard/jobs", "/dashboard/vines"):
        page.goto(path)
        expect(page.locator(".vine-name", has_text=text).first).to_be_visible()
    expect(page.locator("main script, main img, main svg[onload], main b b")).to_have_count(0)
    api.call("DELETE", f"/api/vines/{vine['id']}", ok=False)


def test_line_separators_in_a_value_end_nothing(page: Page, api: Api) -> None:
    text = "line\u2028and\u2029separators"
    assert api.call("POST", "/api/vines", {"project_name": text, "environment_stage": "x", "source": {"type": "inline", "files": {"main.tf": "terraform {}"}}}, ok=False).status_code == 400
    vine = api.vine('variable "v" {}\noutput "o" { value = var.v }\n', variables={"v": text})
    JobPage(page, api.plan(vine["id"])["id"]).open().is_complete()
    data = page.evaluate("JSON.parse(document.getElementById('job-data').textContent)")
    assert data["vine"]["project_name"] == vine["project_name"]
    expect(page.get_by_text("line").first).to_be_attached()
    api.call("DELETE", f"/api/vines/{vine['id']}", ok=False)


def test_log_text_is_text_and_control_sequences_are_gone(page: Page, api: Api) -> None:
    lines = {
        r"<script>alert(1)</script>": "<script>alert(1)</script>",
        r"<img src=x onerror=alert(2)>": "<img src=x onerror=alert(2)>",
        r"\033]8;;javascript:alert(3)\033\\click\033]8;;\033\\": "click",
        r"\033]0;another title\007kept": "kept",
        r"\033[2J\033[H\033[?25lcleared": "cleared",
        # Terraform itself makes lines of these.
        r"10%%\r20%%\r30%%": "30%",
        r"\033[31mred \033[1mbold\033[0m plain": "red bold plain",
        r"tab\there": "tab\there",
        r"caf\303\251 \360\237\215\207": "café 🍇",
        r"bad \377 byte": "bad � byte",
        r"nul \000 byte": "nul",
    }
    command = "; ".join(f"printf 'n{number}: {raw}\\n'" for number, raw in enumerate(lines))
    job = api.deploy(api.vine(shell(command), project="injected")["id"])
    api.wait(job["id"], "SUCCESS", log=True)
    view = JobPage(page, job["id"]).open().is_complete()
    expect(view.with_text("bad � byte")).to_be_attached()
    texts = [text for text in view.log.locator("[data-line] .tx").all_text_contents() if "Executing: " not in text]
    for shown in lines.values():
        assert any(shown in text for text in texts), (shown, texts)
    assert any(text.endswith("30%") for text in texts)
    for text in texts:
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), text
    expect(view.log.locator("script, img, a:not(.no)")).to_have_count(0)
    assert "another title" not in page.title()


def test_outputs_and_errors_are_text(page: Page, api: Api) -> None:
    main = "".join(f'output "o{n}" {{\n  value = {_quoted(text)}\n}}\n' for n, text in enumerate(CORPUS))
    job = api.deploy(api.vine(main + 'resource "terraform_data" "a" {}\n')["id"])
    api.wait(job["id"], "SUCCESS", log=True)
    view = JobPage(page, job["id"]).open().is_complete()
    view.details("Execution Metadata").locator("summary").click()
    pane = page.get_by_role("region", name="Execution Metadata")
    for text in ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>"):
        expect(pane).to_contain_text(text)
    expect(page.locator("main script, main img")).to_have_count(0)


def test_an_error_message_is_text(page: Page, api: Api) -> None:
    vine = api.vine('resource "terraform_data" "a" {\n  lifecycle {\n    precondition {\n      condition     = false\n'
                    '      error_message = "<img src=x onerror=alert(1)> is wrong."\n    }\n  }\n}\n')
    job = api.job("PLAN", vine["id"])
    api.wait(job["id"], "FAILED", log=True)
    view = JobPage(page, job["id"]).open().is_complete()
    expect(view.banner).to_have_attribute("data-banner", "FAILED")
    expect(page.locator("main img")).to_have_count(0)


def _quoted(text: str) -> str:
    import json
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
