// Compares two texts line by line. Pure.

// Cells of the table; beyond it, everything between the common ends counts as changed.
const CELLS = 1_000_000;

/**
 * @param {string} before
 * @param {string} after
 * @returns {{sign: ""|"-"|"+", text: string, old: number|null, now: number|null}[]} numbers from 1
 */
export function lineDiff(before, after) {
  const old = before.split("\n");
  const now = after.split("\n");
  let start = 0;
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start += 1;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - start && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const rows = [];
  const same = (i, j) => rows.push({ sign: "", text: old[i], old: i + 1, now: j + 1 });
  const removed = (i) => rows.push({ sign: "-", text: old[i], old: i + 1, now: null });
  const added = (j) => rows.push({ sign: "+", text: now[j], old: null, now: j + 1 });
  for (let i = 0; i < start; i += 1) same(i, i);
  const [height, width] = [old.length - tail - start, now.length - tail - start];
  if (height * width > CELLS) {
    for (let i = 0; i < height; i += 1) removed(start + i);
    for (let j = 0; j < width; j += 1) added(start + j);
  } else {
    const table = new Uint32Array((height + 1) * (width + 1));
    const at = (i, j) => i * (width + 1) + j;
    for (let i = height - 1; i >= 0; i -= 1) {
      for (let j = width - 1; j >= 0; j -= 1) {
        table[at(i, j)] = old[start + i] === now[start + j] ? table[at(i + 1, j + 1)] + 1 : Math.max(table[at(i + 1, j)], table[at(i, j + 1)]);
      }
    }
    let [i, j] = [0, 0];
    while (i < height || j < width) {
      if (i < height && j < width && old[start + i] === now[start + j]) same(start + i++, start + j++);
      else if (i < height && (j === width || table[at(i + 1, j)] >= table[at(i, j + 1)])) removed(start + i++);
      else added(start + j++);
    }
  }
  for (let k = tail; k > 0; k -= 1) same(old.length - k, now.length - k);
  return rows;
}

/**
 * Leaves out what is far from any change: a number stands for that many lines.
 * @param {ReturnType<typeof lineDiff>} rows @param {number} [context]
 * @returns {(ReturnType<typeof lineDiff>[number]|number)[]}
 */
export function nearChanges(rows, context = 3) {
  const near = new Uint8Array(rows.length);
  rows.forEach((row, i) => {
    if (row.sign) near.fill(1, Math.max(0, i - context), i + context + 1);
  });
  const out = [];
  rows.forEach((row, i) => {
    if (near[i]) out.push(row);
    else if (typeof out.at(-1) === "number") out[out.length - 1] += 1;
    else out.push(1);
  });
  return out;
}
