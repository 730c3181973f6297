// The job's page: creates and connects the components.

import "../account.js";
import { get, signInPath } from "../lib/api.js";
import { copyFrom } from "../lib/copy.js";
import { all, one, pageData } from "../lib/dom.js";
import { startTimes } from "../lib/format.js";
import { bindMenus } from "../lib/menu.js";
import { Realtime } from "../lib/realtime.js";
import { afterPaint, throttle, sync } from "../lib/timing.js";
import { announce, showError, toast } from "../lib/toast.js";
import { ConnectionStatus } from "./feed/connection-status.js";
import { Feed } from "./feed/feed.js";
import { answerOf, LogApi } from "./feed/log-api.js";
import { StatusPoll } from "./feed/status-poll.js";
import { LineStore } from "./feed/store.js";
import { startActions } from "./head/actions.js";
import { startDetails } from "./head/details.js";
import { startEvidence } from "./head/evidence.js";
import { startForceActions } from "./head/force-actions.js";
import { startHeader } from "./head/header.js";
import { startSeen } from "./head/seen.js";
import { StatusBar } from "./head/status-bar.js";
import { statusSentence } from "./head/text.js";
import { JobModel } from "./model.js";
import { startResourceLink } from "./selection/resource-link.js";
import { namedView, Views } from "./views.js";
import { startKeys } from "./viewer/keys.js";
import { LogPanel } from "./viewer/log-panel.js";

const data = pageData("job-data");
sync(data.job.server_now);

const model = new JobModel(data);
const api = new LogApi(model.job.id);
const store = new LineStore();
const realtime = new Realtime();
const poll = new StatusPoll(model, realtime);
const refused = (error) => {
  if (error.status === 401) toast("You're signed out.", { key: "signed-out", link: { href: signInPath(), text: "Sign in again" } });
  else showError(error);
};
const isLogFirst = namedView() === "log";
// A view that hides the log is painted first; the log is not drawn while it is hidden.
one('[data-panel="log"]').hidden = !isLogFirst;
const soon = isLogFirst ? (run) => run() : afterPaint;
const panel = new LogPanel(api, store, {
  start: () => Date.parse(model.job.started_at ?? model.job.created_at), refused, trouble: () => connectionStatus.draw(),
});
// A job's rows change in bursts, as when it is claimed and started; where the fetch fails, the poll says why.
const refresh = throttle(150, () => poll.refresh().catch(() => {}));
const feed = new Feed({
  job: model.job.id, api, store, realtime,
  isClosed: () => model.job.log_state !== "OPEN",
  isSettled: () => model.isSettled,
  onJob: refresh,
  onWorker: (worker, at) => poll.takeWorker(worker, at),
});

startHeader(model);
const actions = startActions(model, poll);
startEvidence(model);
startForceActions(model, poll);
startDetails(model, soon);
const statusBar = new StatusBar(model);
soon(() => startSeen(model, (error) => statusBar.setSeen(error)));
const connectionStatus = new ConnectionStatus({ model, store, view: panel.view, feed, watch: poll, loader: panel.loader });

panel.isFilling = () => feed.isFilling;
statusBar.onGrow = (px) => panel.shift(px);
statusBar.onJump = (n) => panel.cursor.goTo(n);
statusBar.onRemedy = actions.remedy;
statusBar.onFree = actions.freeAssignment;
connectionStatus.onNote = () => panel.redraw();
store.onGrow(() => drawError());
let outlineWas = 0;
const drawError = () => {
  if (store.outline.version === outlineWas) return;
  outlineWas = store.outline.version;
  statusBar.setOutline(store.outline);
};

// Loads the outline of the whole log; live lines add to it.
async function survey() {
  try {
    store.outline.merge(await api.outline());
  } catch { /* the lines in view still show their own marks */ }
  drawError();
  panel.redraw();
}
if (model.job.log_state === "OPEN") survey();

model.onChange((_, before) => {
  if (model.job.status !== before.status) announce(statusSentence(model), { urgent: model.isTerminal });
  const { log_state: logState, log_state_reason: reason, engine_state: engine } = model.job;
  if (logState !== "OPEN") {
    // After a job was given up, its Tendril may still report: read the log's end again.
    const isNews = before.log_state !== logState || before.log_state_reason !== reason || before.engine_state !== engine
      || !model.isSettled && !feed.isFollowed;
    if (feed.state !== "ended" || isNews) feed.finish();
  }
  // The log continues after it seemed to have ended.
  else if (feed.state === "ended" && before.log_state !== "OPEN") feed.restart();
});
let feedWas = feed.state;
feed.onChange(() => {
  const before = feedWas;
  feedWas = feed.state;
  // Changes that came while the feed was not followed may be missing.
  if (feed.state === "ended" && before !== "ended" || feed.state === "live" && before === "lost") survey();
  if (feed.state !== "ended" || before === "ended") return;
  poll.refresh().then(
    // Log and job disagree about the end: load the rest.
    () => { if (model.job.log_state === "OPEN") setTimeout(() => feed.restart(), 1000); },
    () => {},
  );
});
poll.onRefused = refused;
poll.needsRecord = () => feed.isPolling;

const copyId = one("[data-copy-id]");
copyId.addEventListener("click", () => copyFrom(copyId, model.job.id, "Copied the job ID"));

const views = new Views({ panel: one('[data-panel="log"]'), focus: () => panel.focus() }, {
  model, get, plan: data.plan, announce, refused, goToLine: (n) => views.go("log", `#L${n}`).then(() => panel.selection.fromAddress()),
});
startResourceLink(panel, (address) => views.go("resources", `#${encodeURIComponent(address)}`));
const keys = startKeys(panel, { isShown: () => views.current === "log", copy: () => panel.copy(one('.tools [data-tool="copy"]')) });
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
poll.start();
const readLog = () => feed.start(answerOf(data.log));
if (isLogFirst) readLog();
else views.start().then(() => afterPaint(readLog));
