"""The log viewer in Chromium: opening and jumping in logs of any length, and a flood watched live."""

import json
import shutil
import statistics
import threading
import time

from playwright.sync_api import sync_playwright

# Notes when rows with text were first painted: the frame after the one in which they were mounted.
OBSERVE = """
window.opened = new Promise((resolve) => {
  const look = () => {
    const log = document.querySelector('[role="log"]');
    const rows = [...document.querySelectorAll('[data-line][data-stream]')];
    const box = log?.getBoundingClientRect();
    const seen = box && rows.filter((row) => { const r = row.getBoundingClientRect(); return r.bottom > box.top && r.top < box.bottom; });
    if (seen?.length >= Math.min(20, rows.length) && rows.length) requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""

JUMP = """
(share) => new Promise((resolve) => {
  const log = document.querySelector('[role="log"]');
  const begun = performance.now();
  log.scrollTop = (log.scrollHeight - log.clientHeight) * share;
  const box = log.getBoundingClientRect();
  const look = () => {
    const row = document.elementFromPoint(box.x + box.width / 3, box.y + box.height / 2)?.closest('[data-line]');
    if (row?.dataset.stream && performance.now() - begun > 1) resolve([performance.now() - begun, Number(row.dataset.line)]);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""

FRAMES = """
window.frames_ = [];
let before = performance.now();
const frame = (now) => { window.frames_.push(now - before); before = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""


class Viewer:
    """One signed-in browser."""

    def __enter__(self):
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        return self

    def __exit__(self, *_):
        self.browser.close()
        self.playwright.stop()

    def sign_in(self, server):
        self.context = self.browser.new_context(viewport={"width": 1280, "height": 800})
        page = self.context.new_page()
        page.goto(server.link)
        page.wait_for_url("**/dashboard/jobs")
        page.close()

    def open(self, server, job, rounds=7):
        """Milliseconds from the navigation until rows in view are painted, each time in a new tab; the last one stays open."""
        times = []
        for _ in range(rounds):
            page = self.context.new_page()
            page.add_init_script(OBSERVE)
            page.goto(f"{server.url}/dashboard/jobs/{job}", wait_until="commit")
            times.append(page.evaluate("window.opened"))
            if len(times) < rounds:
                page.close()
        return statistics.median(times), page

    def jump(self, page, share):
        return page.evaluate(JUMP, share)

    def heap(self, page):
        """Bytes of JavaScript heap after a collection, and mounted rows."""
        client = self.context.new_cdp_session(page)
        client.send("HeapProfiler.collectGarbage")
        client.send("Performance.enable")
        metrics = {item["name"]: item["value"] for item in client.send("Performance.getMetrics")["metrics"]}
        return metrics["JSHeapUsedSize"], page.locator("[data-line]").count()


def flood(server, api, tendril, viewer, rate=50_000, seconds=8):
    """Frame times in ms of a page that watches so many lines a second, sorted; and how late its last line was."""
    job = server.start_job(api, tendril, "flood")
    page = viewer.context.new_page()
    page.goto(f"{server.url}/dashboard/jobs/{job}")
    page.wait_for_function("() => document.querySelector('[data-feed-text]').textContent.startsWith('Live')")
    page.evaluate(FRAMES)
    lines = rate // 20
    done = threading.Event()

    def write():
        connection, begin = tendril.again(), time.perf_counter()
        for n in range(1, seconds * 20 + 1):
            text = "".join(f"null_resource.service[{i}]: Still creating... [{n}0s elapsed] {'x' * 40}\n" for i in range(lines))
            parts = [text[at:at + 60_000] for at in range(0, len(text), 60_000)]
            chunks, rest = [], ""
            for part in parts:  # whole lines in a chunk
                part = rest + part
                cut = part.rindex("\n") + 1
                chunks.append({"stream_type": "STDOUT", "log_chunk": part[:cut]})
                rest = part[cut:]
            if rest:
                chunks.append({"stream_type": "STDOUT", "log_chunk": rest})
            connection.send("POST", f"/api/jobs/{job}/logs", json.dumps({"epoch": 1, "n": n, "chunks": chunks}).encode())
            time.sleep(max(0, begin + n / 20 - time.perf_counter()))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        page.wait_for_timeout(100)
    ended = time.perf_counter()
    writer.join()
    total = api.get(f"/api/jobs/{job}/logs/lines?from=1&count=1")["total"]
    page.wait_for_selector(f'[data-line="{total}"]', timeout=60_000)
    late = time.perf_counter() - ended
    frames = sorted(page.evaluate("window.frames_"))
    rows = page.locator("[data-line]").count()
    page.close()
    return frames, late, rows
