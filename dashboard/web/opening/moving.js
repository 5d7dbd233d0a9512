// Where the moving picture stands at a moment, and the geometry of its curves: pure functions of numbers.

/** What a task takes, in milliseconds: a look at the start, then a move and a look for each step, and a longer look at the end. */
const LOOK = 1100;
const MOVE = 550;
const REST = 450;
const END = 1500;

/**
 * How long a task of so many steps is shown, in milliseconds.
 *
 * @param {number} numSteps
 */
export const duration = (numSteps) => LOOK + numSteps * (MOVE + REST) + END;

/**
 * When a step has been taken, in milliseconds from the task's start; 0 for step 0.
 *
 * @param {number} step
 */
export const timeOf = (step) => (step === 0 ? 0 : LOOK + step * (MOVE + REST) - REST);

/**
 * How many steps have been taken at a moment: a whole number while it rests, and between two of them while it moves.
 *
 * @param {number} time In milliseconds from the task's start.
 * @param {number} numSteps
 */
export function stepAt(time, numSteps) {
  const begun = time - LOOK;
  if (begun <= 0) return 0;
  const whole = Math.floor(begun / (MOVE + REST));
  if (whole >= numSteps) return numSteps;
  return whole + eased(Math.min(1, (begun - whole * (MOVE + REST)) / MOVE));
}

/** @param {number} t From 0 to 1. */
const eased = (t) => t * t * (3 - 2 * t);

/**
 * The values at a step, between the steps that lie around it.
 *
 * @param {number[][]} values By step.
 * @param {number} step
 */
export function between(values, step) {
  const below = Math.floor(step);
  const share = step - below;
  const from = values[below];
  const to = values[Math.min(below + 1, values.length - 1)];
  return from.map((value, i) => value + share * (to[i] - value));
}

/**
 * A curve as an SVG path.
 *
 * @param {number[]} x
 * @param {number[]} y
 * @param {(value: number) => number} across
 * @param {(value: number) => number} down
 */
export const pathOf = (x, y, across, down) => x.map((value, i) => `${i ? "L" : "M"}${across(value).toFixed(1)} ${down(y[i]).toFixed(1)}`).join("");

/**
 * A linear scale.
 *
 * @param {[number, number]} from
 * @param {[number, number]} to
 */
export const scale = ([a, b], [c, d]) => (/** @type {number} */ value) => c + ((value - a) / (b - a)) * (d - c);

/**
 * The mean of one number of every task.
 *
 * @param {number[]} values
 */
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
