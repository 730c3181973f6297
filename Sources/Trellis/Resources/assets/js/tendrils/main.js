// The list of Tendrils and the registration form.

import "../account.js";
import { post } from "../lib/api.js";
import { copyFrom } from "../lib/copy.js";
import { all, dot, h, icon, one, pageData } from "../lib/dom.js";
import { agoTime, setAgo, shortId, startTimes } from "../lib/format.js";
import { drawNothing, drawRows, followTable, LiveList } from "../lib/list.js";
import { drainingText } from "../lib/tendril-picker.js";
import { announce, messageOf } from "../lib/toast.js";

const list = new LiveList("/api/workers", { first: pageData("page-data"), every: 3000 });

function makeRow(worker) {
  const jobs = worker.active_jobs ?? [];
  return h("tr", {},
    h("td", { class: "c-name" }, h("b", {}, worker.name), h("code", { class: "dim", title: worker.id }, shortId(worker.id))),
    h("td", { class: "c-state" }, h("span", { class: "worker-status" }, dot(worker.status), worker.status),
      worker.status === "DRAINING" ? h("span", { class: "dim state-note" }, drainingText(jobs.length)) : null),
    h("td", { "data-label": "Jobs" }, `${jobs.length} of ${worker.slots}`, ...jobs.flatMap((id, i) => [i ? ", " : " ", h("a", { class: "mono", href: `/dashboard/jobs/${id}` }, shortId(id))])),
    h("td", { "data-label": "Engines" }, worker.engines?.length ? worker.engines.map((engine) => `${engine.name} ${engine.version}`).join(", ") : h("span", { class: "dim" }, "none reported")),
    h("td", { "data-label": "Version" }, worker.version || h("span", { class: "dim" }, "–")),
    h("td", { "data-label": "Last heartbeat" }, worker.last_seen_at ? agoTime(worker.last_seen_at) : h("span", { class: "dim" }, "never")));
}

function draw() {
  drawRows(one("[data-rows]"), list.items, (worker) => JSON.stringify({ ...worker, last_seen_at: Boolean(worker.last_seen_at) }), makeRow);
  for (const row of one("[data-rows]").children) {
    const worker = list.items.find((item) => item.id === row.dataset.id);
    const time = row.querySelector("time");
    if (time && worker) {
      time.title = "";
      setAgo(time, worker.last_seen_at);
    }
  }
  drawNothing(list.isEmpty, [icon("tendril"), h("p", {}, "No Tendrils yet."),
    h("p", { class: "dim" }, "Jobs wait until a Tendril is connected. Register one below.")]);
}

const form = /** @type {HTMLFormElement} */ (one("[data-register]"));
const problem = one("[data-register-error]");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = form.elements.name.value.trim();
  fail("");
  if (!name) return fail("Enter a name.");
  const button = one("button[type=submit]", form);
  button.disabled = true;
  try {
    show(name, await post("/api/workers", { name }));
    form.reset();
    list.refresh();
  } catch (error) {
    fail(messageOf(error));
  } finally {
    button.disabled = false;
  }
});

// The error disappears when the name is edited.
form.addEventListener("input", () => {
  problem.hidden = true;
  form.elements.name.removeAttribute("aria-invalid");
});

function fail(text) {
  problem.hidden = !text;
  problem.textContent = text;
  if (!text) return form.elements.name.removeAttribute("aria-invalid");
  form.elements.name.setAttribute("aria-invalid", "true");
  form.elements.name.focus();
}

function show(name, { worker_id: id, worker_token: token }) {
  const once = one("[data-once]");
  const command = `TRELLIS_URL=${location.origin} TENDRIL_ID=${id} TENDRIL_TOKEN=${token} vintner tendril`;
  one("[data-once-name]").textContent = name;
  one("[data-once-id]").textContent = id;
  one("[data-once-token]").textContent = token;
  one("[data-once-command]").textContent = command;
  const texts = { id, token, command };
  for (const button of all("[data-copy]", once)) button.onclick = () => copyFrom(button, texts[button.dataset.copy]);
  once.hidden = false;
  once.focus();
  announce(`${name} is registered. Its token is shown once.`, { urgent: true });
}

list.onChange = draw;
if (list.isLoading) list.refresh();
draw();
followTable(list, "workers");
startTimes();
