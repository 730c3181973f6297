"""Write-to-glass: the delay from a line printed by a provisioner of real Terraform to its row in the browser's DOM."""

from __future__ import annotations

from followers import Followers
from harness import Api, Server
from harness.chromium import chromium, sign_in_by_link

# Prints a line of 100 bytes with its own time, 20 times per second.
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

# Records when each new row was mounted, on the page's clock.
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


def run(server: Server, api: Api, lines: int, others: int = 0) -> tuple[list[float], list[float]]:
    """The delay of each line in the browser, and in some of `others` protocol clients; in ms, sorted."""
    plan = api.plan(api.vine(MAIN.replace("LINES_TO_PRINT", str(lines)))["id"])["id"]
    with chromium() as browser:
        assert server.link
        page = sign_in_by_link(browser.new_context(), server.link)
        page.add_init_script(OBSERVE)
        deploy = api.post(f"/api/jobs/{plan}/apply", {})["id"]
        followers = Followers(server, deploy, others) if others else None
        page.goto(f"{server.url}/dashboard/jobs/{deploy}")
        page.wait_for_selector('[data-job-status="SUCCESS"]', timeout=lines * 200 + 60_000)
        seen = page.evaluate("window.glass")
        delays = followers.result()["delays"] if followers else []
    # Lines printed before the first row was mounted are backlog. All others count, including the slowest.
    ready = min(mounted for _, _, mounted in seen)
    first: dict[str, float] = {}
    for line, printed, mounted in seen:
        if printed > ready:
            first.setdefault(line, mounted - printed)
    assert len(first) > lines / 2, f"only {len(first)} of {lines} lines were live"
    return sorted(first.values()), delays
