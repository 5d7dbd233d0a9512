// Which ticks of a logarithmic axis have room.

const SETS = [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]; // factors of a decade, from many to few

/**
 * Ticks for which an axis has room, of those that are `factor * 10^exponent`: fewer factors, then every second decade, every third, ...
 *
 * @param {number[]} tickvals
 * @param {string[]} ticktext
 * @param {number[]} range From and to, as exponents of 10.
 * @param {number} room How many ticks have room.
 * @returns {{ tickvals?: number[], ticktext?: string[] }}
 */
export function roomyTicks(tickvals, ticktext, [low, high], room) {
  const inside = (/** @type {number} */ value) => Math.log10(value) >= low - 1e-6 && Math.log10(value) <= high + 1e-6;
  const factor = (/** @type {number} */ value) => Number((value / 10 ** Math.floor(Math.log10(value) + 1e-9)).toPrecision(3));
  const picked = (/** @type {(value: number) => boolean} */ accepts) => tickvals.flatMap((value, i) => (inside(value) && accepts(value) ? [i] : []));
  /** @type {number[]} */
  let kept = [];
  for (const factors of SETS) {
    kept = picked((value) => factors.includes(factor(value)));
    if (kept.length <= Math.max(3, room)) break;
  }
  for (let stride = 2; kept.length > Math.max(3, room); stride++) {
    kept = picked((value) => factor(value) === 1 && Math.round(Math.log10(value)) % stride === 0);
  }
  return { tickvals: kept.map((i) => tickvals[i]), ticktext: kept.map((i) => ticktext[i]) };
}
