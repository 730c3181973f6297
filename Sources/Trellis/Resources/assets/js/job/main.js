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
import { startLastResorts } from "./last-resort.js";
import { LogApi, answerOf } from "./log-api.js";
import { LogPanel } from "./log-panel.js";
import { JobModel } from "./model.js";
import { LineStore } from "./store.js";
import { Strip } from "./strip.js";
import { Watch } from "./watch.js";
import { PhaseWatch, statusSentence } from "./words.js";

const data = pageData("job-data");
sync(data.job.server_now);

const model = new JobModel(data);
const api = new LogApi(model.job.id);
const store = new LineStore();
const watch = new Watch(model);
const refused = (error) => {
  if (error.status === 401) toast("You are signed out.", { key: "signed-out", link: { href: signInPath(), text: "Sign in again" } });
  else showProblem(error);
};
const panel = new LogPanel(api, store, {
  start: () => Date.parse(model.job.started_at ?? model.job.created_at), refused, trouble: () => feedLine.draw(),
});
// A job's rows change in bursts, as when it is claimed and started; where the fetch fails, the poll says why.
const refresh = seldom(150, () => watch.refresh().catch(() => {}));
const feed = new Feed({
  job: model.job.id, api, store,
  isClosed: () => model.job.log_state !== "OPEN",
  onJob: refresh,
  onWorker: (worker) => watch.takeWorker(worker),
});
const phases = new PhaseWatch();

startHeader(model);
const actions = startActions(model, watch);
startLastResorts(model, watch);
startDetails(model);
const strip = new Strip(model, phases);
const feedLine = new FeedLine({ model, store, feed, watch, loader: panel.loader });

panel.isFilling = () => feed.isFilling;
strip.onGrow = (px) => panel.shift(px);
strip.onJump = (n) => panel.cursor.show(n);
strip.onRemedy = actions.remedy;
strip.onFree = actions.freeAssignment;
feedLine.onNote = () => panel.redraw();
store.onGrow(({ lines }) => {
  takePhases(lines);
  drawError();
});
const drawError = () => strip.setError(store.outline.of("error")[0] ?? 0);

/** @param {import("./line.js").Line[]} lines */
function takePhases(lines) {
  let hasBegun = false;
  for (const line of lines) hasBegun = phases.take(line) || hasBegun;
  if (hasBegun) strip.draw();
}

// What stands anywhere in the log, for the strip and the ruler; live lines tell of more.
async function survey() {
  const [outline, system] = await Promise.allSettled([
    api.outline(), model.isTerminal ? null : api.lines({ streams: "SYSTEM", from: 1, count: 200 }),
  ]);
  if (outline.status === "fulfilled") store.outline.merge(outline.value);
  if (system.status === "fulfilled" && system.value) takePhases(system.value.lines);
  drawError();
  panel.redraw();
}
if (model.job.log_state === "OPEN") survey();

model.onChange((_, before) => {
  if (model.job.status !== before.status) announce(statusSentence(model), { urgent: model.isTerminal });
  if (model.job.log_state !== "OPEN") feed.finish();
  // A job that goes on after its log seemed to have ended: there is more to read.
  else if (feed.state === "ended" && before.log_state !== "OPEN") feed.restart();
});
let feedWas = feed.state;
feed.onChange(() => {
  const before = feedWas;
  feedWas = feed.state;
  // What came while nobody listened is not all here.
  if (feed.state === "ended" || feed.state === "live" && before === "lost") survey();
  if (feed.state !== "ended") return;
  watch.refresh().then(
    // The log said its end, the job says otherwise: ask for the rest.
    () => { if (model.job.log_state === "OPEN") setTimeout(() => feed.restart(), 1000); },
    () => {},
  );
});
watch.onRefused = refused;

const copyId = one("[data-copy-id]");
copyId.addEventListener("click", () => copyFrom(copyId, model.job.id, "Copied the job ID"));

const keys = startKeys(panel, { copy: () => panel.copy(one('.tools [data-tool="copy"]')) });
const tools = {
  time: () => panel.display.nextTimes(),
  wrap: () => panel.display.setWrap(!panel.display.wraps),
  follow: () => (panel.follow.pinned ? panel.follow.unpin() : panel.toEnd()),
  copy: (button) => panel.copy(button),
  find: () => panel.find.focus(),
  goto: () => panel.goToLine.open(),
  keys: () => keys.showSheet(),
};
for (const button of all("[data-tool]")) button.addEventListener("click", () => tools[button.dataset.tool](button));
for (const button of all("[data-s]")) {
  button.addEventListener("click", () => panel.display.setStream(button.dataset.s, !panel.display.streams.has(button.dataset.s)));
}

const skip = one(".skip");
skip.setAttribute("href", "#log");
skip.textContent = "Skip to the log";
skip.addEventListener("click", (event) => { event.preventDefault(); panel.focus(); });

bindMenus(one("main"));
startTimes();
watch.start();
feed.start(answerOf(data.log));
