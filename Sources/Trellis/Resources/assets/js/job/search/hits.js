// Hits of a search, in the order of the log. There may be a hundred thousand of them.

/** @typedef {{n: number, col: number, len: number}} Hit n: the line; col, len: in UTF-16 units of its visible text */

/** The first of the hits that is in line `n` or after it; how many there are where none is. @param {Hit[]} hits @param {number} n */
export function firstFrom(hits, n) {
  let low = 0;
  let high = hits.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hits[middle].n < n) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The hits in line `n`. @param {Hit[]} hits @param {number} n */
export function hitsIn(hits, n) {
  const first = firstFrom(hits, n);
  let end = first;
  while (end < hits.length && hits[end].n === n) end += 1;
  return first === end ? [] : hits.slice(first, end);
}
