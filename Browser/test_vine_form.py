"""The form for a vine changes what was touched, and nothing else."""

import json
import random
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness import Api
from watcher import Watcher

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nq7Xz+/==\n-----END PRIVATE KEY-----\n"
BLANK = 'resource "terraform_data" "a" {}\n'


def edit(page: Page, vine: Any) -> None:
    page.goto(f"/dashboard/vines?q={vine['project_name']}")
    page.get_by_role("button", name="Edit").click()
    expect(page.locator("[data-form-title]")).to_contain_text(vine["project_name"])


def save(page: Page) -> None:
    page.locator("[data-form-save]").click()
    expect(page.locator("#vine-form")).to_be_hidden()


def raw(api: Api, vine: Any) -> str:
    """The vine as the API writes it: a comparison of texts sees every digit and line end."""
    return re.sub(r'"(updated_at|revision)":[^,}]+', "", api.call("GET", f"/api/vines/{vine['id']}").text)


def generated(seed: int) -> tuple[str, dict[str, str]]:
    """A vine's request as text, with values that a form may damage; numbers are written, not computed."""
    rng = random.Random(seed)
    texts = ["", " ", "  padded  ", "l1\nl2\n", "a\r\nb\r\n", "a\r\nb\nc\rd", "\n\n", "tab\there", PEM, PEM.replace("\n", "\r\n"),
             '{"json": 1.0}', "[1, 2]", "true", "null", "007", "9007199254740993", "<<EOT\nx\nEOT\n", '"quoted"', "${x} %{y}", "é🍇\u2028", "\ufeffmark"]

    def text() -> str:
        return rng.choice(texts) if rng.random() < 0.7 else "".join(rng.choice("ab \n\r\t\"\\${}é🍇") for _ in range(rng.randrange(30)))

    def number() -> str:
        whole = str(rng.randrange(10 ** rng.randrange(1, 25)))
        return rng.choice(["", "-"]) + whole + rng.choice(["", ".5", ".10", ".000000000000000001"])

    def value(depth: int) -> str:
        kind = rng.randrange(7 if depth < 4 else 4)
        if kind == 0:
            return json.dumps(text(), ensure_ascii=rng.random() < 0.5)
        if kind == 1:
            return number()
        if kind < 4:
            return rng.choice(["true", "false", "null", str(2**53 + 1), "12345678901234567890"])
        if kind == 4:
            return "[" + ",".join(value(depth + 1) for _ in range(rng.randrange(4))) + "]"
        return "{" + ",".join(f"{json.dumps(f'k{i}-' + rng.choice(['__proto__', 'a', 'constructor']))}:{value(depth + 1)}" for i in range(rng.randrange(4))) + "}"

    variables = {f"v{i}": value(0) for i in range(25)}
    environment = {f"E{i}": text().replace("\0", "") for i in range(12)}
    files = {"main.tf": BLANK, "run.sh": "#!/bin/sh\r\necho crlf\r\n", "mixed.txt": text() + "\r\nend", "mod/main.tf": text()}
    members = ",".join(f"{json.dumps(name)}:{written}" for name, written in variables.items())
    body = json.dumps({
        "project_name": f"generated-{uuid.uuid4().hex[:8]}", "environment_stage": "dev", "region": "eu-central-1",
        "engine": "terraform", "environment": environment, "sensitive_variables": {"key": PEM},
        "sensitive_environment": {"TOKEN": "long-enough"}, "source": {"type": "inline", "files": files}})
    return body[:-1] + f', "variables": {{{members}}}}}', variables


def created(api: Api, body: str) -> Any:
    answer = api.session.post(f"{api.url}/api/vines", data=body.encode(), headers={"Content-Type": "application/json"}, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


@pytest.mark.parametrize("seed", range(6))
def test_saving_what_was_not_touched_sends_nothing(page: Page, api: Api, seed: int) -> None:
    vine = created(api, generated(seed)[0])
    before = api.call("GET", f"/api/vines/{vine['id']}").text
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PATCH" else None)
    edit(page, vine)
    save(page)
    assert not sent
    assert api.call("GET", f"/api/vines/{vine['id']}").text == before


@pytest.mark.parametrize("seed", range(6, 12))
def test_touching_one_thing_leaves_all_others(page: Page, api: Api, seed: int) -> None:
    body, variables = generated(seed)
    vine = created(api, body)
    before = raw(api, vine)
    edit(page, vine)
    rows = page.locator('[data-pairs="variables"] .pair')
    expect(rows).to_have_count(len(variables))
    page.get_by_role("button", name="Add a variable").click()
    rows.last.get_by_label("Name").fill("zz_new")
    rows.last.get_by_label("Value", exact=True).fill("18446744073709551617")
    with page.expect_request(lambda request: request.method == "PATCH") as request:
        save(page)
    assert set(request.value.post_data_json) == {"variables"}
    added = re.search(r'"zz_new":([0-9.eE+-]+)', api.call("GET", f"/api/vines/{vine['id']}").text)
    assert added
    assert raw(api, vine).replace(f',"zz_new":{added.group(1)}', "") == before


def test_a_number_travels_digit_for_digit(page: Page, api: Api, watcher: Watcher) -> None:
    watcher.network_may_fail = True  # what the server makes of them is not the form's business
    vine = api.vine(BLANK)
    edit(page, vine)
    values = ["12345678901234567890", "1e400", "0.10", "-0", "1.0E+2", "[9007199254740993, {\"a\": 3.0}]"]
    for number, value in enumerate(values):
        page.get_by_role("button", name="Add a variable").click()
        row = page.locator('[data-pairs="variables"] .pair').nth(number)
        row.get_by_label("Name").fill(f"n{number}")
        row.get_by_label("Value", exact=True).fill(value)
    with page.expect_request(lambda request: request.method == "PATCH") as request:
        page.locator("[data-form-save]").click()
    body = request.value.post_data or ""
    for number, value in enumerate(values):
        assert f'"n{number}":{value.replace(", ", ",").replace(": ", ":")}' in body


def test_an_edited_text_keeps_its_other_line_ends(page: Page, api: Api) -> None:
    vine = api.vine(BLANK, variables={"text": "one\r\ntwo\nthree\r\n"}, environment={"LINES": "a\nb\n"})
    edit(page, vine)
    area = page.locator('[data-pairs="variables"]').get_by_label("Value", exact=True)
    expect(area).to_have_value("one\ntwo\nthree\n")
    area.fill("one\ntwo\nand more\nthree\n")
    page.locator('[data-pairs="environment"]').get_by_label("Value", exact=True).fill("a\nb\nc\n")
    save(page)
    record = api.get(f"/api/vines/{vine['id']}")
    assert record["variables"] == {"text": "one\r\ntwo\nand more\r\nthree\r\n"}
    assert record["environment"] == {"LINES": "a\nb\nc\n"}
    assert record["source"] == vine["source"]


def test_emptied_fields_are_cleared(page: Page, api: Api) -> None:
    vine = api.vine(BLANK, engine="tofu")
    edit(page, vine)
    page.get_by_label("Engine").select_option("")
    page.get_by_label("Region").fill("")
    save(page)
    record = api.get(f"/api/vines/{vine['id']}")
    assert "engine" not in record and "region" not in record


@pytest.mark.parametrize("how", ["paste", "insert"])
def test_a_pasted_key_is_stored_whole(page: Page, api: Api, how: str) -> None:
    project = f"pem-{uuid.uuid4().hex[:6]}"
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill(project)
    page.get_by_label("Stage").fill("dev")
    page.get_by_label("File content").fill(
        'variable "key" {\n  type      = string\n  sensitive = true\n}\n'
        'output "lines" {\n  value = length(split("\\n", nonsensitive(var.key)))\n}\n')
    # The files declare it as sensitive, and it is offered as such.
    page.get_by_role("button", name=re.compile("^key")).click()
    field = page.locator('[data-pairs="sensitive_variables"] .pair').get_by_label("Value", exact=True)
    if how == "paste":
        page.evaluate("text => navigator.clipboard.writeText(text)", PEM)
        field.click()
        page.keyboard.press("ControlOrMeta+V")
    else:
        field.focus()
        page.evaluate("text => document.execCommand('insertText', false, text)", PEM)
    expect(field).to_have_value(PEM)
    assert field.evaluate("node => getComputedStyle(node).webkitTextSecurity") == "disc"
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("tr", has_text=project)).to_be_visible()
    made = next(v for v in api.get(f"/api/vines?q={project}")["items"])
    plan = api.plan(made["id"])
    text = api.call("GET", f"/api/jobs/{plan['id']}/logs?ansi=0", headers={"Accept": "text/plain"}).text
    assert f"lines = {len(PEM.split(chr(10)))}" in text


def test_declared_variables_are_offered_and_checked(page: Page, api: Api) -> None:
    project = f"declared-{uuid.uuid4().hex[:6]}"
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill(project)
    page.get_by_label("Stage").fill("dev")
    page.get_by_label("File content").fill(
        'variable "size" {\n  type        = number\n  description = "How many rows"\n}\n'
        'variable "tags" {\n  type = map(string)\n  default = { a = "b" }\n}\n'
        'variable "zones" { type = list(string) }\nvariable "name" { type = string }\n')
    offered = page.locator("[data-declared] button")
    expect(offered).to_have_count(4)
    expect(offered.filter(has_text="size")).to_contain_text("number, required")
    expect(offered.filter(has_text="tags")).to_contain_text('default { a = "b" }')
    rows = page.locator('[data-pairs="variables"] .pair')
    for name, value in (("size", "many"), ("zones", '["a", "b",]'), ("name", "007"), ("tags", '{\n  a = "x"\n  b = 2\n}')):
        offered.filter(has_text=name).click()
        rows.last.get_by_label("Value", exact=True).fill(value)
    expect(offered).to_have_count(0)
    expect(rows.first).to_contain_text("declared as number")
    page.get_by_role("button", name="Create vine").click()
    error = page.locator("[data-form-error]")
    expect(error).to_contain_text('"size"')
    expect(rows.first.get_by_label("Value", exact=True)).to_be_focused()
    # Mending the field takes the error away.
    rows.first.get_by_label("Value", exact=True).fill("3")
    expect(error).to_be_hidden()
    expect(rows.first.get_by_label("Value", exact=True)).not_to_have_attribute("aria-invalid", "true")
    expect(rows.first).to_contain_text("How many rows")
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("tr", has_text=project)).to_be_visible()
    made = next(v for v in api.get(f"/api/vines?q={project}")["items"])
    assert made["variables"] == {"size": 3, "zones": ["a", "b"], "name": "007", "tags": {"a": "x", "b": 2}}


def test_a_folder_is_uploaded_with_its_modules(page: Page, api: Api, tmp_path: Path) -> None:
    root = tmp_path / "infra"
    files = {"main.tf": 'module "m" {\n  source = "./mod"\n}\n', "mod/main.tf": BLANK, "mod/deep/more.txt": "x\r\n",
             ".terraform/providers/x": "binary", "terraform.tfstate": "{}"}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    project = f"folder-{uuid.uuid4().hex[:6]}"
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill(project)
    page.get_by_label("Stage").fill("dev")
    page.locator("[data-folder-upload]").set_input_files(root)
    expect(page.get_by_label("File name")).to_have_count(3)
    expect(page.locator("[data-toasts]")).to_contain_text("terraform.tfstate")
    # Another folder beside it keeps its name.
    page.locator("[data-folder-upload]").set_input_files(root / "mod")
    expect(page.get_by_label("File name")).to_have_count(3)
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("tr", has_text=project)).to_be_visible()
    made = next(v for v in api.get(f"/api/vines?q={project}")["items"])
    assert made["source"]["files"] == {name: text for name, text in files.items() if "terraform." not in name and ".terraform" not in name}
    api.plan(made["id"])


def test_an_upload_respects_the_ignore_file_and_names_what_it_leaves_out(page: Page, api: Api, tmp_path: Path) -> None:
    root = tmp_path / "infra"
    files = {"main.tf": BLANK, ".terraformignore": "# notes\nnotes/\n*.log\n!keep.log\n", "notes/a.md": "a", "mod/debug.log": "x", "keep.log": "y"}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "logo.png").write_bytes(b"\x89PNG\xff\xfe\x00")
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.locator("[data-folder-upload]").set_input_files(root)
    names = page.get_by_label("File name")
    expect(names).to_have_count(3)
    assert sorted(names.nth(i).input_value() for i in range(3)) == [".terraformignore", "keep.log", "main.tf"]
    notice = page.locator("[data-toasts]")
    for text in ("3 files left out.", "Excluded by .terraformignore: mod/debug.log, notes/a.md.", "logo.png is not a text file."):
        expect(notice).to_contain_text(text)
    # The ignore file of the form holds for files that come later.
    (tmp_path / "late.log").write_text("z")
    page.locator("[data-file-upload]").set_input_files([tmp_path / "late.log"])
    expect(notice).to_contain_text("late.log is excluded by .terraformignore. It was left out.")
    expect(names).to_have_count(3)


def test_warnings_of_a_vine_are_shown_in_the_list_and_the_form(page: Page, api: Api) -> None:
    vine = api.vine(BLANK, sensitive_variables={"login": {"user": "ana", "password": "long-enough-to-mask"}})
    assert len(vine["warnings"]) == 1
    edit(page, vine)
    expect(page.locator("tr", has_text=vine["project_name"]).locator(".c-vine .warned")).to_have_attribute("title", vine["warnings"][0])
    expect(page.locator("[data-form-warnings]")).to_contain_text(vine["warnings"][0])
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="New vine").click()
    expect(page.locator("[data-form-warnings]")).to_be_hidden()


DROP = """
(zone, items) => {
  const entry = item => ({
    name: item.path.split("/").at(-1), fullPath: `/${item.path}`, isFile: !item.items, isDirectory: Boolean(item.items),
    file: done => done(new File([item.text], item.path.split("/").at(-1))),
    createReader: () => {
      const rest = [...item.items ?? []];
      return { readEntries: done => done(rest.splice(0, 1).map(entry)) };
    },
  });
  const event = new Event("drop", { bubbles: true, cancelable: true });
  event.dataTransfer = { types: ["Files"], files: [1], items: items.map(item => ({ kind: "file", webkitGetAsEntry: () => entry(item) })) };
  zone.dispatchEvent(event);
}
"""


def test_files_and_folders_are_dropped(page: Page) -> None:
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    zone = page.locator('[data-source="inline"]')
    names = page.get_by_label("File name")
    mod = {"path": "mod", "items": [{"path": "mod/main.tf", "text": "# mod"}, {"path": "mod/out.tf", "text": "# out"}]}
    zone.evaluate(DROP, [{"path": "main.tf", "text": BLANK}, mod])
    expect(names).to_have_count(3)
    assert [names.nth(i).input_value() for i in range(3)] == ["main.tf", "mod/main.tf", "mod/out.tf"]
    zone.evaluate(DROP, [{"path": "other", "items": [{"path": "other/main.tf", "text": "# other"}]}])
    expect(names).to_have_count(4)
    assert names.nth(3).input_value() == "other/main.tf"


def test_files_of_one_name_are_both_kept(page: Page, api: Api, tmp_path: Path, watcher: Watcher) -> None:
    project = f"twice-{uuid.uuid4().hex[:6]}"
    for folder in ("a", "a/mod"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.tf").write_text(f"# {folder}\n{BLANK if folder == 'a' else ''}")
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill(project)
    page.get_by_label("Stage").fill("dev")
    page.locator("[data-file-upload]").set_input_files([tmp_path / "a" / "main.tf", tmp_path / "a" / "mod" / "main.tf"])
    names = page.get_by_label("File name")
    expect(names).to_have_count(2)
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("[data-form-error]")).to_contain_text("There are two files named main.tf.")
    names.nth(1).fill("mod/main.tf")
    expect(page.locator("[data-form-error]")).to_be_hidden()
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("tr", has_text=project)).to_be_visible()
    made = next(v for v in api.get(f"/api/vines?q={project}")["items"])
    assert made["source"]["files"] == {"main.tf": f"# a\n{BLANK}", "mod/main.tf": "# a/mod\n"}


@pytest.mark.parametrize("files", [{"main.tf": ""}, {"main.tf": " \n\t\n"}, {"readme.md": "text"}, {"mod/main.tf": BLANK}])
def test_an_empty_configuration_is_refused(page: Page, files: dict[str, str]) -> None:
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill("empty")
    page.get_by_label("Stage").fill("dev")
    for number, (name, text) in enumerate(files.items()):
        page.get_by_label("File name").nth(number).fill(name)
        page.get_by_label("File content").nth(number).fill(text)
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("[data-form-error]")).to_contain_text("The configuration is empty.")
    page.get_by_label("File content").first.fill(BLANK)
    expect(page.locator("[data-form-error]")).to_be_hidden()
    page.evaluate("document.querySelector('[data-form]').reset()")
    page.once("dialog", lambda dialog: dialog.accept())
