// Which cards of presenter mode are large, and where each stands; pure.

/**
 * The large cards, by their places among the charts, from 1.
 *
 * @typedef {object} Large
 * @property {number[]} slots One or two, from the left.
 * @property {number} newest Which of the slots was filled last.
 */

/** @type {Large} The curves, and the task that theta_0 adapts to. */
export const USUAL = { slots: [1, 2], newest: 1 };

/**
 * After a card was chosen: it is large beside the newest one, and the older one goes. One that is large already stays alone.
 *
 * @param {Large} large
 * @param {number} chosen
 * @param {number} most How many have room.
 * @returns {Large}
 */
export function enlarged({ slots, newest }, chosen, most) {
  if (most === 1 || slots.includes(chosen)) return { slots: [chosen], newest: 0 };
  if (slots.length < most) return { slots: [...slots, chosen], newest: slots.length };
  const older = 1 - newest;
  return { slots: slots.map((place, at) => (at === older ? chosen : place)), newest: older };
}

/**
 * The large cards that a run with so many charts has, in so much room.
 *
 * @param {Large} large
 * @param {number} count Of its charts.
 * @param {number} most
 */
export function shown({ slots, newest }, count, most) {
  const there = (most === 1 ? [slots[newest]] : slots).filter((place) => place <= count);
  return there.length ? there : [1];
}

/**
 * Where the cards stand, as CSS has it: the large ones side by side, the others in a strip beside them, or below.
 *
 * @param {number[]} large Places, from the left.
 * @param {number} count Of all charts.
 * @param {boolean} beside Whether the strip stands beside the large ones.
 * @returns {{ template: string, areas: string[] }} The grid, and the area of each card.
 */
export function grid(large, count, beside) {
  const rest = Array.from({ length: count }, (_, at) => at + 1).filter((place) => !large.includes(place));
  const [wide, small] = [large.length, rest.length];
  const track = (/** @type {number} */ times) => `repeat(${times}, minmax(0, 1fr))`;
  const columns = beside ? wide : wide * Math.max(small, 1);
  const template = small === 0 ? `minmax(0, 1fr) / ${track(columns)}` : beside ? `${track(small)} / ${track(columns)} minmax(0, 17%)` : `minmax(0, 1fr) minmax(0, 21%) / ${track(columns)}`;
  /** @param {number} place */
  const area = (place) => {
    const at = large.includes(place) ? large.indexOf(place) : rest.indexOf(place);
    if (beside || small === 0) return large.includes(place) ? `1 / ${at + 1} / -1 / ${at + 2}` : `${at + 1} / ${wide + 1} / ${at + 2} / ${wide + 2}`;
    const span = large.includes(place) ? small : wide;
    const row = large.includes(place) ? 1 : 2;
    return `${row} / ${at * span + 1} / ${row + 1} / ${(at + 1) * span + 1}`;
  };
  return { template, areas: Array.from({ length: count }, (_, at) => area(at + 1)) };
}
