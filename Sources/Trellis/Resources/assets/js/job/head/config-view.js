// The Config Snapshot: values as values, files as files, and all of it as JSON.

import { h, icon, one } from "../../lib/dom.js";
import { bytes, count, counted } from "../../lib/format.js";
import { highlight, isHighlighted } from "../../lib/hcl-highlight.js";
import { marked } from "../../lib/invisible.js";
import { isSecret, jsonView, mask } from "../../lib/json-view.js";

// The number of lines shown until the user asks for more.
const LINES = 2000;
const VALUES = "Values";
const JSON_TAB = "JSON";

/** @param {any} snapshot in the order in which it is shown */
export function configView(snapshot) {
  const files = Object.entries(snapshot.source?.files ?? {}).sort(([a], [b]) => Number(b === "main.tf") - Number(a === "main.tf") || a.localeCompare(b));
  /** @type {[string, string, () => Node][]} */
  const tabs = [
    [VALUES, VALUES, () => values(snapshot, files.length)],
    ...files.map(([name, file]) => /** @type {[string, string, () => Node]} */ ([`file:${name}`, name, () => fileView(name, file)])),
    [JSON_TAB, JSON_TAB, () => jsonView(snapshot)],
  ];
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Config Snapshot" });
  const box = h("div", { class: "config" }, list);
  const show = (key, focus = false) => {
    for (const tab of /** @type {Iterable<HTMLElement>} */ (list.children)) {
      const isOn = tab.dataset.key === key;
      tab.setAttribute("aria-selected", String(isOn));
      tab.tabIndex = isOn ? 0 : -1;
      const panel = one(`#${tab.getAttribute("aria-controls")}`, box);
      panel.hidden = !isOn;
      if (isOn && focus) tab.focus();
      // Render a tab when it is first opened.
      if (isOn && !panel.hasChildNodes()) panel.append(tabs.find(([name]) => name === key)[2]());
    }
  };
  tabs.forEach(([key, name], i) => {
    const id = `config-${i}`;
    list.append(marked(h("button", {
      type: "button", role: "tab", class: key === name ? null : "mono", id: `${id}-tab`, "aria-controls": id, "data-key": key, on: { click: () => show(key) },
    }), name));
    box.append(h("div", { role: "tabpanel", id, "aria-labelledby": `${id}-tab`, hidden: true }));
  });
  // The whole snapshot as JSON, rendered at once so that the page's search finds it.
  one(`#config-${tabs.length - 1}`, box).append(jsonView(snapshot));
  list.addEventListener("keydown", (event) => {
    const keys = tabs.map(([key]) => key);
    const at = keys.indexOf(document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : "");
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: keys.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    show(keys[(to + keys.length) % keys.length], true);
  });
  show(VALUES);
  return box;
}

/** A file is its text, or an object that holds it. @param {any} file */
const textOf = (file) => (typeof file === "string" ? file : String(file?.content ?? file?.text ?? ""));

function values(snapshot, files) {
  const { source = {}, variables = {}, environment = {}, project_name: project, environment_stage: stage, region, engine, revision, digest } = snapshot;
  const box = h("div", {});
  const list = (...rows) => {
    const dl = h("dl", { class: "kv" });
    for (const [name, value, isCode] of rows) {
      if (value !== undefined && value !== null && value !== "") dl.append(h("dt", {}, name), marked(h("dd", { class: isCode ? "mono" : null }), String(value)));
    }
    if (dl.children.length) box.append(dl);
  };
  list(["Project", project], ["Stage", stage], ["Region", region], ["Engine", engine], ["Revision", revision]);
  list(...(source.type === "git" ? [
    ["Source", "Git repository"], ["URL", source.url, true], ["Ref", source.ref, true], ["Folder", source.path, true], ["Commit", source.commit, true],
  ] : [["Source", `${counted(files, "inline file")}`]]));
  for (const [title, entries] of [["Variables", variables], ["Environment", environment]]) {
    const names = Object.keys(entries);
    const dl = h("dl", { class: "kv vars" });
    for (const name of names) dl.append(h("dt", { class: "mono" }, name), h("dd", {}, valueView(entries[name])));
    box.append(h("section", { class: "vars-box", "aria-label": title }, h("h2", {}, title), names.length ? dl : h("p", { class: "dim" }, "None")));
  }
  list(["Digest", digest, true]);
  return box;
}

function valueView(value) {
  if (isSecret(value)) return mask();
  if (typeof value !== "string") return jsonView(value);
  // Keep line breaks.
  return value.includes("\n") ? marked(h("pre", { class: "json s-block" }), value) : marked(h("code", { class: "json s-line" }), JSON.stringify(value));
}

function fileView(name, file) {
  if (file?.encoding === "base64") return h("p", { class: "dim" }, `Binary file, about ${bytes(Math.floor(textOf(file).length * 3 / 4))}.`);
  const text = textOf(file);
  const isEnded = text.endsWith("\n");
  const body = isEnded ? text.slice(0, -1) : text;
  const lines = isHighlighted(name) ? highlight(body) : body.split("\n").map((line) => /** @type {[string, string][]} */ ([["", line]]));
  const box = h("div", { class: "code" });
  box.style.setProperty("--digits", String(String(lines.length).length));
  if (!text) return h("p", { class: "dim" }, "This file is empty.");
  const draw = (from, to) => lines.slice(from, to).map((parts, i) => {
    const code = h("code", {});
    for (const [kind, part] of parts) kind ? code.append(marked(h("span", { class: kind }), part)) : marked(code, part);
    return h("div", { class: "cl" }, h("span", { class: "cn", "data-n": String(from + i + 1) }), code);
  });
  box.append(...draw(0, LINES));
  if (lines.length > LINES) {
    const more = h("button", { class: "btn small", type: "button", on: { click: () => more.replaceWith(...draw(LINES, lines.length)) } }, icon("chevd", "s"), `Show all ${count(lines.length)} lines`);
    box.append(more);
  }
  return box;
}
