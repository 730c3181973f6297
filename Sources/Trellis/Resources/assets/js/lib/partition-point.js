// Binary search.

/**
 * How many of the first items satisfy a condition that holds up to some item and for none after it.
 *
 * @param {number} length of the list
 * @param {(index: number) => boolean} holds
 */
export function partitionPoint(length, holds) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
