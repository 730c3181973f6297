// The job's page: makes the parts and ties them together.

import { announce } from "../lib/announce.js";
import { signInPath } from "../lib/api.js";
import { sync } from "../lib/clock.js";
import { copyFrom } from "../lib/copy.js";
import { all, one, pageData } from "../lib/dom.js";
import { bindMenus } from "../lib/menu.js";
import { showProblem } from "../lib/problem.js";
import { seldom } from "../lib/seldom.js";
import { startTimes } from "../lib/times.js";
import { toast } from "../lib/toast.js";
import { startActions } from "./actions.js";
import { startDetails } from "./details.js";
import { FeedLine } from "./feed-line.js";
import { Feed } from "./feed.js";
import { startHeader } from "./header.js";
import { startKeys } from "./keys.js";
import { LogPanel } from "./log-panel.js";
import { JobModel } from "./model.js";
import { LineStore } from "./store.js";
import { Strip } from "./strip.js";
import { Watch } from "./watch.js";
import { PhaseWatch, statusSentence } from "./words.js";

const data = pageData("job-data");
sync(data.job.server_now);

const model = new JobModel(data);
const store = new LineStore();
const panel = new LogPanel(store);
const watch = new Watch(model);
// A job's rows change in bursts, as when it is claimed and started; where the fetch fails, the poll says why.
const refresh = seldom(150, () => watch.refresh().catch(() => {}));
const feed = new Feed({
  job: model.job.id, store,
  isClosed: () => model.job.log_state !== "OPEN",
  onJob: refresh,
  onWorker: (worker) => watch.takeWorker(worker),
});
const phases = new PhaseWatch();

startHeader(model);
startActions(model, watch);
startDetails(model);
const strip = new Strip(model, phases);
const feedLine = new FeedLine({ model, store, feed, watch });

panel.isFilling = () => feed.isFilling;
panel.onErrors = () => strip.setError(store.errors[0] ?? 0);
strip.onGrow = (px) => panel.shift(px);
strip.onJump = (n) => panel.showError(n);
feedLine.onNote = () => panel.redraw();
store.onAppend(({ from, to }) => {
  let begun = false;
  for (let n = from; n <= to; n += 1) {
    const line = store.get(n);
    if (line?.stream === "SYSTEM") begun = phases.take(line) || begun;
  }
  if (begun) strip.draw();
});

model.onChange((_, before) => {
  if (model.job.status !== before.status) announce(statusSentence(model), { urgent: model.isTerminal });
  if (model.job.log_state !== "OPEN") feed.finish();
  // A job that goes on after its log seemed to have ended: there is more to read.
  else if (feed.state === "ended" && before.log_state !== "OPEN") feed.restart();
});
feed.onChange(() => {
  if (feed.state !== "ended") return;
  watch.refresh().then(
    // The log said its end, the job says otherwise: ask for the rest.
    () => { if (model.job.log_state === "OPEN") setTimeout(() => feed.restart(), 1000); },
    () => {},
  );
});
watch.onRefused = (error) => {
  if (error.status === 401) toast("You are signed out.", { key: "signed-out", link: { href: signInPath(), text: "Sign in again" } });
  else showProblem(error);
};

const copyId = one("[data-copy-id]");
copyId.addEventListener("click", () => copyFrom(copyId, model.job.id, "Copied the job ID"));

const keys = startKeys(panel, {
  copy: () => panel.copy(one('.tools [data-tool="copy"]')),
  error: (by) => { if (!panel.stepError(by)) announce("There are no errors in this log"); },
});
const tools = {
  time: () => panel.setTimes(!panel.showsTimes),
  wrap: () => panel.setWrap(!panel.wraps),
  follow: () => (panel.follow.pinned ? panel.follow.unpin() : panel.toEnd()),
  copy: (button) => panel.copy(button),
  find: () => panel.find.focus(),
  keys: () => keys.showSheet(),
};
for (const button of all("[data-tool]")) button.addEventListener("click", () => tools[button.dataset.tool](button));
for (const button of all("[data-s]")) {
  if (!button.classList.contains("ln")) button.addEventListener("click", () => panel.setStream(button.dataset.s, !panel.shows(button.dataset.s)));
}

const skip = one(".skip");
skip.setAttribute("href", "#log");
skip.textContent = "Skip to the log";
skip.addEventListener("click", (event) => { event.preventDefault(); panel.focus(); });

bindMenus();
startTimes();
watch.start();
feed.start();
