"""What the API says of a plan, against what the engine prints of the same plan.

A PLAN's log is what `terraform show` prints of the saved plan: each resource with the sign of its action, and a line for
each attribute that changes.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from harness import Api

SECRET = "correct-horse-battery"
FIRST = """
variable "secret" {
  sensitive = true
  default   = "%(secret)s-1"
}
resource "terraform_data" "updated" { input = { size = 1, name = "a", gone = true } }
resource "terraform_data" "deleted" { input = "bye" }
resource "terraform_data" "delete_first" {
  input            = "same"
  triggers_replace = ["v1"]
}
resource "terraform_data" "create_first" {
  triggers_replace = ["v1"]
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "counted" {
  count = 12
  input = count.index
}
resource "terraform_data" "set" { input = toset(["b", "a", "c"]) }
resource "terraform_data" "objects" { input = [{ port = 80, name = "http" }, { port = 22, name = "ssh" }] }
resource "terraform_data" "secret" { input = { user = "ana", list = [{ password = var.secret }, { password = "plain" }] } }
resource "terraform_data" "old_name" { input = "x" }
resource "terraform_data" "left" { input = "y" }
resource "terraform_data" "kept" {
  triggers_replace = ["%(kept)s"]
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "needs" {
  triggers_replace = [terraform_data.kept.id]
  provisioner "local-exec" { command = "exit %(status)s" }
}
output "size" { value = terraform_data.updated.input.size }
"""
SECOND = """
variable "secret" {
  sensitive = true
  default   = "%(secret)s-2"
}
resource "terraform_data" "updated" { input = { size = 2, name = "a", more = "new" } }
resource "terraform_data" "delete_first" {
  input            = "same"
  triggers_replace = ["v2"]
}
resource "terraform_data" "create_first" {
  triggers_replace = ["v2"]
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "counted" {
  count = 10
  input = count.index
}
resource "terraform_data" "set" { input = toset(["d", "a", "c"]) }
resource "terraform_data" "objects" { input = [{ port = 8080, name = "http" }, { port = 22, name = "ssh" }] }
resource "terraform_data" "secret" { input = { user = "ben", list = [{ password = var.secret }, { password = "other" }] } }
moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}
resource "terraform_data" "new_name" { input = "x" }
removed {
  from = terraform_data.left
  lifecycle { destroy = false }
}
import {
  to = terraform_data.taken
  id = "7d3b1a52-0000-4000-8000-000000000001"
}
resource "terraform_data" "taken" {}
resource "terraform_data" "kept" {
  triggers_replace = ["v2"]
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "needs" { triggers_replace = [terraform_data.kept.id] }
resource "terraform_data" "made" { input = ["known", terraform_data.delete_first.id, { id = terraform_data.create_first.id }] }
output "size" { value = terraform_data.updated.input.size }
output "ids" { value = [terraform_data.made.id] }
"""

SAID = {
    "will be created": {"create"}, "will be updated in-place": {"update"}, "will be destroyed": {"delete"},
    "must be replaced": {"replace_delete_first", "replace_create_first"},
    "is tainted, so must be replaced": {"replace_delete_first", "replace_create_first"}, "will be imported": {"import"},
    "will no longer be managed by Terraform": {"forget"},
}
SIGNS = {"-/+": "replace_delete_first", "+/-": "replace_create_first", "+": "create", "~": "update", "-": "delete"}
HEAD = re.compile(r"^ {1,2}# (\S+?)(?: \(deposed object ([0-9a-f]+)\))? (has moved to (\S+)|will .+|must .+|is tainted.+)$")
BLOCK = re.compile(r'^ *(-/\+|\+/-|[-+~.]) resource "')
LEAF = re.compile(r'^ +([-+~]) ("?[\w-]+"?) += (.+?)(?: # forces replacement)?$')


def text(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else "null" if value is None else str(value).lower()


def printed(log: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Resources by address and deposed object, with their action and the attributes of one line that change."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    current: dict[str, Any] = {}
    # Where the leaves of each open container begin.
    opened: list[int] = []
    for line in log.splitlines():
        if head := HEAD.match(line):
            address = head[4] or head[1]
            actions = {"move"} if head[4] else next((actions for words, actions in SAID.items() if head[3].startswith(words)), {line})
            current = found.setdefault((address, head[2] or ""), {"actions": actions, "leaves": []})
            opened = []
            if head[4]:
                current["from"] = head[1]
        elif line.startswith(("Plan: ", "Changes to Outputs")):
            current = {}
        elif current and (block := BLOCK.match(line)) and block[1] in SIGNS and len(current["actions"]) > 1:
            current["actions"] = {SIGNS[block[1]]}
        elif current and line.endswith(("{", "[", "(")):
            opened.append(len(current["leaves"]))
        elif current and opened and line.strip().startswith(("}", "]", ")")):
            begin = opened.pop()
            # What was in it is one unknown value afterwards.
            if line.endswith("-> (known after apply)"):
                del current["leaves"][begin:]
        elif current and (leaf := LEAF.match(line)):
            current["leaves"].append((leaf[1], leaf[2].strip('"'), leaf[3]))
    return found


def leaf_line(leaf: dict[str, Any]) -> tuple[str, str, str] | None:
    """A leaf as the engine prints it; None for what is not on a line of its own, with a name."""
    sign = {"create": "+", "update": "~", "delete": "-"}.get(leaf["action"])
    # The elements of a list have no name.
    if not sign or leaf["key"].startswith("["):
        return None
    if leaf["sensitive"]:
        return sign, leaf["key"], "(sensitive value)"
    after = "(known after apply)" if leaf["unknown"] else text(leaf.get("after"))
    if any(isinstance(leaf.get(side), (list, dict)) for side in ("before", "after")):
        return None
    if sign == "+":
        return sign, leaf["key"], after
    # Of what is destroyed, and of what goes with its container, the engine prints the end in two ways.
    return sign, leaf["key"], f"{text(leaf.get('before'))} -> {after if sign == '~' else 'null'}"


@pytest.fixture(scope="module")
def plan(api: Api) -> Any:
    """A PLAN with every action, on a vine on which an apply has failed and left an object behind."""
    def source(main: str) -> dict[str, Any]:
        return {"source": {"type": "inline", "files": {"main.tf": main}}}

    vine = api.vine(FIRST % {"secret": SECRET, "kept": "v1", "status": 0})["id"]
    api.wait(api.deploy(vine)["id"], "SUCCESS", log=True)
    api.call("PATCH", f"/api/vines/{vine}", source(FIRST % {"secret": SECRET, "kept": "v2", "status": 1}))
    # The new object is made, and what needs it fails: the old one stays.
    api.wait(api.deploy(vine)["id"], "FAILED", log=True)
    api.call("PATCH", f"/api/vines/{vine}", source(SECOND % {"secret": SECRET}))
    return api.plan(vine)


def test_the_changes_are_those_that_the_engine_prints(api: Api, plan) -> None:
    log = api.call("GET", f"/api/jobs/{plan['id']}/logs?ansi=0").text
    said = printed(log)
    items = api.get(f"/api/jobs/{plan['id']}/plan?limit=1000")["items"]
    shown = {(item["address"], item.get("deposed", "")): item for item in items if not item["drift"]}
    assert {key: value["actions"] for key, value in said.items()} == {key: {item["action"]} for key, item in shown.items()}
    assert {item["action"] for item in items} == {
        "create", "update", "delete", "replace_delete_first", "replace_create_first", "move", "import", "forget"}
    assert any(deposed for _, deposed in shown), "an object that was left behind"
    for key, value in said.items():
        assert shown[key].get("previous_address") == value.get("from"), key
        detail = api.get(f"/api/jobs/{plan['id']}/plan/resources/{shown[key]['n']}")
        lines = {line for leaf in detail["diff"] if (line := leaf_line(leaf))}
        # Values with line feeds, and the ends of containers, are printed in other ways.
        assert set(value["leaves"]) <= {(sign, name, rest) for sign, name, rest in lines} | {
            (sign, name, rest.removesuffix(" -> null")) for sign, name, rest in lines}, (key, value["leaves"], lines)
        assert SECRET not in repr(detail)
    # The log has what the engine prints, which loses the mark of `output`, a copy of `input`.
    assert SECRET not in repr(items)


def test_the_page_shows_all_of_them(page: Page, api: Api, plan) -> None:
    items = api.get(f"/api/jobs/{plan['id']}/plan?limit=1000")["items"]
    page.goto(f"/dashboard/jobs/{plan['id']}?view=changes")
    for item in items:
        page.get_by_role("searchbox", name="Filter by address").fill(item["address"])
        rows = page.locator(f"[data-panel='changes'] [data-resource='{item['address']}'][data-action='{item['action']}']")
        expect(rows.first).to_be_visible()
    # Numbers in addresses count by their value.
    page.get_by_role("searchbox", name="Filter by address").fill("counted")
    expect(page.locator("[data-panel='changes'] [data-resource]")).to_have_count(2)
    addresses = page.locator("[data-panel='changes'] [data-resource]").evaluate_all("rows => rows.map(row => row.dataset.resource)")
    assert addresses == ["terraform_data.counted[10]", "terraform_data.counted[11]"]
    assert SECRET not in page.locator("[data-panel='changes']").inner_html()
