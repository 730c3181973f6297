// A plan's changes as text and as Markdown, for a review. Pure.

import { isLines, rowsOf, valueText } from "../../lib/attribute-diff.js";
import { lineDiff } from "../../lib/line-diff.js";
import { GROUPS, groupOf, sign, whyText } from "./words.js";

const SIGN = { create: "+", delete: "-", update: "~", "no-op": " " };
const ascii = (action) => sign(action).replaceAll("−", "-");

/** @param {import("../../lib/attribute-diff.js").Leaf} leaf */
function leafText(leaf) {
  if (leaf.write_only) return "(write-only)";
  const side = (value) => (leaf.sensitive ? "(sensitive value)" : value === undefined ? "" : valueText(value));
  const old = side(leaf.before);
  const now = leaf.unknown ? "(known after apply)" : side(leaf.after);
  const text = leaf.action === "create" ? now : leaf.action === "update" ? `${old} -> ${now}` : old;
  return leaf.forces ? `${text} # forces replacement` : text;
}

/** The attributes that change, one on a line. @param {import("../../lib/attribute-diff.js").Detail} detail @returns {string[]} */
export function detailLines(detail) {
  return rowsOf(detail, false).flatMap(({ leaf, heading, isBare }) => {
    const { action, depth, key } = leaf ?? heading;
    const start = `${SIGN[action] ?? " "} ${"  ".repeat(Math.max(0, depth - 1))}`;
    const name = isBare ? "" : `${key}`;
    if (heading) return [`${start}${name}:`];
    if (!isLines(leaf)) return [`${start}${name ? `${name} = ` : ""}${leafText(leaf)}`];
    const lines = lineDiff(leaf.before ?? "", leaf.after ?? "").filter((line) => line.sign);
    return [`${start}${name}:`, ...lines.map((line) => `${line.sign} ${"  ".repeat(depth)}${line.text}`)];
  });
}

const place = (change) => (change.deposed ? `${change.address} (deposed ${change.deposed})` : change.address);

/**
 * @param {import("./words.js").Change[]} changes in order
 * @param {(change: import("./words.js").Change) => import("../../lib/attribute-diff.js").Detail|undefined} detailOf what is loaded
 */
export function asText(changes, detailOf) {
  return changes.flatMap((change) => {
    const reason = whyText(change);
    const detail = detailOf(change);
    return [`${ascii(change.action).padEnd(3)} ${place(change)}${reason ? `  # ${reason}` : ""}`, ...(detail ? detailLines(detail).map((line) => `    ${line}`) : [])];
  }).join("\n");
}

// A fence that is longer than any in the text.
function fenced(lines) {
  const text = lines.join("\n");
  const ticks = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${ticks}diff\n${text}\n${ticks}`;
}

const code = (text) => (text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``);

/** As {@link asText}, as Markdown. */
export function asMarkdown(changes, detailOf) {
  const parts = [];
  for (const group of GROUPS) {
    const own = changes.filter((change) => (change.drift ? "drift" : groupOf(change.action)) === group.name);
    if (!own.length) continue;
    parts.push(`### ${group.title} (${own.length})`, own.map((change) => {
      const reason = whyText(change);
      const detail = detailOf(change);
      const lines = detail ? detailLines(detail) : [];
      return `- ${code(place(change))}${reason ? `: ${reason}` : ""}${lines.length ? `\n\n${fenced(lines).replace(/^/gm, "  ")}\n` : ""}`;
    }).join("\n"));
  }
  return parts.join("\n\n");
}
