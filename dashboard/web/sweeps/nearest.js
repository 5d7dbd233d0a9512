// Where an arrow key leads on a sweep's map.

/**
 * The setting next to one in a direction: the nearest on that side, the straighter the better; the first one from nowhere.
 *
 * @param {number[]} numbers Of the settings.
 * @param {ArrayLike<number> & Iterable<number>} x Where they are on the map.
 * @param {ArrayLike<number> & Iterable<number>} y
 * @param {number | null} from Number of the setting to go from.
 * @param {number[]} direction One step along x or y.
 */
export function nearest(numbers, x, y, from, [dx, dy]) {
  const start = from === null ? -1 : numbers.indexOf(from);
  if (from === null || start < 0) return numbers[0];
  const width = Math.max(...x) - Math.min(...x) || 1;
  const height = Math.max(...y) - Math.min(...y) || 1;
  let best = { number: from, cost: Infinity };
  for (let i = 0; i < numbers.length; i++) {
    const right = (x[i] - x[start]) / width;
    const up = (y[i] - y[start]) / height;
    const ahead = right * dx + up * dy;
    const aside = Math.abs(right * dy) + Math.abs(up * dx);
    const cost = ahead + 4 * aside;
    if (ahead > 1e-6 && cost < best.cost) best = { number: numbers[i], cost };
  }
  return best.number;
}
