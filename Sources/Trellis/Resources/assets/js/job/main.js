// The job's page: makes the parts and ties them together.

import { signInPath } from "../lib/api.js";
import { copyFrom } from "../lib/copy.js";
import { all, one, pageData } from "../lib/dom.js";
import { startTimes } from "../lib/format.js";
import { bindMenus } from "../lib/menu.js";
import { Realtime } from "../lib/realtime.js";
import { seldom, sync } from "../lib/timing.js";
import { announce, showProblem, toast } from "../lib/toast.js";
import { FeedLine } from "./feed/connection-status.js";
import { Feed } from "./feed/feed.js";
import { answerOf, LogApi } from "./feed/log-api.js";
import { Watch } from "./feed/status-poll.js";
import { LineStore } from "./feed/store.js";
import { startActions } from "./head/actions.js";
import { startDetails } from "./head/details.js";
import { startLastResorts } from "./head/force-actions.js";
import { startHeader } from "./head/header.js";
import { PhaseWatch } from "./head/phases.js";
import { Strip } from "./head/status-bar.js";
import { statusSentence } from "./head/text.js";
import { JobModel } from "./model.js";
import { startKeys } from "./viewer/keys.js";
import { LogPanel } from "./viewer/log-panel.js";

const data = pageData("job-data");
sync(data.job.server_now);

const model = new JobModel(data);
const api = new LogApi(model.job.id);
const store = new LineStore();
const realtime = new Realtime();
const watch = new Watch(model, realtime);
const refused = (error) => {
  if (error.status === 401) toast("You're signed out.", { key: "signed-out", link: { href: signInPath(), text: "Sign in again" } });
  else showProblem(error);
};
const panel = new LogPanel(api, store, {
  start: () => Date.parse(model.job.started_at ?? model.job.created_at), refused, trouble: () => feedLine.draw(),
});
// A job's rows change in bursts, as when it is claimed and started; where the fetch fails, the poll says why.
const refresh = seldom(150, () => watch.refresh().catch(() => {}));
const feed = new Feed({
  job: model.job.id, api, store, realtime,
  isClosed: () => model.job.log_state !== "OPEN",
  isSettled: () => model.isSettled,
  onJob: refresh,
  onWorker: (worker, at) => watch.takeWorker(worker, at),
});
const phases = new PhaseWatch();

startHeader(model);
const actions = startActions(model, watch);
startLastResorts(model, watch);
startDetails(model);
const strip = new Strip(model, phases);
const feedLine = new FeedLine({ model, store, view: panel.view, feed, watch, loader: panel.loader });

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
let outlineWas = 0;
const drawError = () => {
  if (store.outline.version === outlineWas) return;
  outlineWas = store.outline.version;
  strip.setOutline(store.outline);
};

/** @param {import("./text/line.js").Line[]} lines */
function takePhases(lines) {
  let hasBegun = false;
  for (const line of lines) hasBegun = phases.take(line) || hasBegun;
  if (hasBegun) strip.draw();
}

// A success says how long its phases took; the end of the log, which the page came with, may name them all.
const needsPhases = () => !model.isTerminal || model.job.status === "SUCCESS" && phases.phases[0]?.name !== "init";

// What stands anywhere in the log, for the strip and the ruler; live lines tell of more.
async function survey() {
  const [outline, system] = await Promise.allSettled([
    api.outline(), needsPhases() ? api.lines({ streams: "SYSTEM", from: 1, count: 200 }) : null,
  ]);
  if (outline.status === "fulfilled") store.outline.merge(outline.value);
  if (system.status === "fulfilled" && system.value) takePhases(system.value.lines);
  drawError();
  panel.redraw();
}
if (model.job.log_state === "OPEN") survey();

model.onChange((_, before) => {
  if (model.job.status !== before.status) announce(statusSentence(model), { urgent: model.isTerminal });
  const { log_state: logState, log_state_reason: reason, engine_state: engine } = model.job;
  if (logState !== "OPEN") {
    // What was given up may still be told of: the log that had ended is read again.
    const isNews = before.log_state !== logState || before.log_state_reason !== reason || before.engine_state !== engine
      || !model.isSettled && !feed.isFollowed;
    if (feed.state !== "ended" || isNews) feed.finish();
  }
  // A job that goes on after its log seemed to have ended: there is more to read.
  else if (feed.state === "ended" && before.log_state !== "OPEN") feed.restart();
});
let feedWas = feed.state;
feed.onChange(() => {
  const before = feedWas;
  feedWas = feed.state;
  // What came while nobody listened is not all here.
  if (feed.state === "ended" && before !== "ended" || feed.state === "live" && before === "lost") survey();
  if (feed.state !== "ended" || before === "ended") return;
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
one("[data-show-all]").addEventListener("click", () => { panel.display.showAll(); panel.focus(); });
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
