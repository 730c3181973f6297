// Numbers and times for people. Times are milliseconds since 1970.

import { h, setText } from "./dom.js";
import { now } from "./timing.js";

const pad = (n, width = 2) => String(n).padStart(width, "0");
const whole = new Intl.NumberFormat("en");

/** `1,478` @param {number} n */
export const count = (n) => whole.format(n);

/** `1 line`, `1,478 lines` @param {number} n @param {string} noun @param {string} [plural] */
export const counted = (n, noun, plural = `${noun}s`) => `${count(n)} ${n === 1 ? noun : plural}`;

/** @type {[number, string][]} */
const UNITS = [[1e3, "k"], [1e6, "M"], [1e9, "G"]];

/** `999`, `1.5k`, `48k`, `2.1M`: at most four characters. @param {number} n */
export function short(n) {
  if (n < 1000) return String(n);
  for (const [size, unit] of UNITS) {
    const value = n / size;
    if (value < 999.5) return (value < 9.95 ? value.toFixed(1) : String(Math.round(value))) + unit;
  }
  return "lots";
}

/** A clock for a duration: `02:14`, `1:12:09`. @param {number} ms */
export function clockTime(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(s / 3600);
  const rest = `${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** A duration in words: `< 0.1 s`, `0.4 s`, `1.4 s`, `48 s`, `2 min 12 s`, `1 h 12 min`. @param {number} ms */
export function span(ms) {
  if (ms < 0) ms = 0;
  if (ms < 100) return "< 0.1 s";
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  const minutes = Math.floor(s / 60) % 60;
  if (s < 86_400) return minutes ? `${Math.floor(s / 3600)} h ${minutes} min` : `${Math.floor(s / 3600)} h`;
  const hours = Math.floor(s / 3600) % 24;
  return hours ? `${Math.floor(s / 86_400)} d ${hours} h` : `${Math.floor(s / 86_400)} d`;
}

/** As `span`, in whole seconds: for what ticks. @param {number} ms */
export function ticking(ms) {
  return ms < 1000 ? "0 s" : ms < 10_000 ? `${Math.floor(ms / 1000)} s` : span(ms);
}

/** `just now`, `2 min ago`, `3 h ago`, `4 d ago` @param {number} ms how long ago */
export function ago(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 5) return "just now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86_400)} d ago`;
}

/**
 * The time of day: `14:00:44` and `.267`.
 * @param {number} ms
 * @returns {[string, string]}
 */
export function timeOfDay(ms) {
  const d = new Date(ms);
  return [`${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`, `.${pad(d.getMilliseconds(), 3)}`];
}

const exactForm = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
});

/** `14 Sep 2026, 13:59:58.204 CEST`, in the viewer's time zone. @param {number} ms */
export const exact = (ms) => exactForm.format(ms);

/** `18.2 KiB` @param {number} n */
export function bytes(n) {
  for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
    if (n < 1024 || unit === "GiB") return unit === "bytes" ? `${n} bytes` : `${n.toFixed(1)} ${unit}`;
    n /= 1024;
  }
}

/** The first eight characters of an id. @param {string} id */
export const shortId = (id) => id.slice(0, 8);

// `time` elements that show how long ago something happened, and the exact time on hover.

/** Fills one element. @param {HTMLElement} node @param {string} at RFC 3339 */
export function setAgo(node, at) {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return;
  if (node.getAttribute("datetime") !== at || !node.title) {
    node.setAttribute("datetime", at);
    node.title = exact(ms);
  }
  node.dataset.ago = "";
  setText(node, ago(now() - ms));
}

/** @param {string} at RFC 3339 */
export function agoTime(at) {
  const node = h("time");
  setAgo(node, at);
  return node;
}

/** Updates all of them. */
export function startTimes() {
  setInterval(() => {
    if (document.hidden) return;
    for (const node of document.querySelectorAll("time[data-ago]")) setAgo(node, node.getAttribute("datetime"));
  }, 1000);
}
