// The axis on which a prediction lies: places between 0 and 1 and the numbers that stand there.

/** @import { Prediction } from "./protocol.js" */

/** @typedef {Pick<Prediction, "low" | "high" | "logarithmic">} Axis */

/**
 * The number at a place.
 *
 * @param {Axis} axis
 * @param {number} at 0 to 1.
 */
export const between = ({ low, high, logarithmic }, at) => (logarithmic ? low * (high / low) ** at : low + (high - low) * at);

/**
 * The place of a number, 0 to 1; what lies beyond the axis is at its end.
 *
 * @param {Axis} axis
 * @param {number} value
 */
export function placed({ low, high, logarithmic }, value) {
  const kept = Math.min(high, Math.max(low, value));
  return logarithmic ? Math.log(kept / low) / Math.log(high / low) : (kept - low) / (high - low);
}

/**
 * A number of two or three digits that one can say aloud, within the axis.
 *
 * @param {number} value
 * @param {Axis} axis
 */
export function nice(value, axis) {
  const { low, high, logarithmic } = axis;
  const step = 10 ** Math.floor(Math.log10((high - low) / 100));
  const round = logarithmic ? Number(value.toPrecision(2)) : Number((Math.round(value / step) * step).toPrecision(12));
  return Math.min(high, Math.max(low, round));
}

/**
 * Where the axis has numbers: at its powers of ten, or at five even places.
 *
 * @param {Axis} axis
 * @returns {number[]}
 */
export function ticksOf(axis) {
  const { low, high, logarithmic } = axis;
  if (!logarithmic) return [0, 0.25, 0.5, 0.75, 1].map((at) => nice(between(axis, at), axis));
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const powers = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number((10 ** (first + i)).toPrecision(6)));
  return powers.length > 1 ? powers : [low, high];
}
