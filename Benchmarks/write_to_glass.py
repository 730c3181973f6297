"""Write-to-glass: a line printed by a provisioner of real Terraform, until it stands in the browser's DOM."""

import shutil

from followers import Crowd
from playwright.sync_api import sync_playwright

# A line of 100 bytes that carries the moment of its printing, 20 times a second.
MAIN = '''
resource "terraform_data" "clock" {
  provisioner "local-exec" {
    interpreter = ["bash", "-c"]
    command     = <<-EOT
      pad=$(printf 'x%.0s' {1..70})
      for ((i = 0; i < LINES_TO_PRINT; i++)); do
        echo "stamp=$EPOCHREALTIME $pad"
        sleep 0.05
      done
    EOT
  }
}
'''

# Notes for each new row when it was mounted, on the page's own clock.
OBSERVE = """
window.glass = [];
new MutationObserver((records) => {
  const now = performance.timeOrigin + performance.now();
  for (const record of records) for (const node of record.addedNodes) {
    const rows = node.nodeType !== 1 ? [] : node.matches("[data-line]") ? [node] : node.querySelectorAll("[data-line]");
    for (const row of rows) {
      const stamp = /stamp=(\\d+\\.\\d+)/.exec(row.textContent);
      if (stamp && !row.textContent.includes("EPOCHREALTIME")) window.glass.push([row.dataset.line, stamp[1] * 1000, now]);
    }
  }
}).observe(document, { childList: true, subtree: true });
"""


def run(server, api, lines, others=0):
    """How late each line was in the browser, and in some of `others` protocol clients beside it; in ms, sorted."""
    vine = server.make_vine(api, MAIN.replace("LINES_TO_PRINT", str(lines)), "glass")
    plan = api.post("/api/jobs", {"job_type": "PLAN", "vine_id": vine})["id"]
    assert api.finished(plan)["status"] == "SUCCESS"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(server.link)
        page.wait_for_url("**/dashboard/jobs")
        page.add_init_script(OBSERVE)
        deploy = api.post(f"/api/jobs/{plan}/apply", {})["id"]
        crowd = Crowd(server, deploy, others) if others else None
        page.goto(f"{server.url}/dashboard/jobs/{deploy}")
        page.wait_for_selector('[data-job-status="SUCCESS"]', timeout=lines * 200 + 60_000)
        seen = page.evaluate("window.glass")
        crowd = crowd.result() if crowd else {"delays": []}
        browser.close()
    # What was printed before the first row stood there is backlog, not live. Everything else counts, the slowest too.
    ready = min(mounted for _, _, mounted in seen)
    first = {}
    for line, printed, mounted in seen:
        if printed > ready:
            first.setdefault(line, mounted - printed)
    assert len(first) > lines / 2, f"only {len(first)} of {lines} lines were live"
    return sorted(first.values()), crowd["delays"]
