// From pen strokes to an image like those that the network was trained on.

/**
 * A drawing: bytes to start from (or null), and strokes `[x, y, x, y, ...]` over it, in 0..1 of the pad.
 *
 * @typedef {{ image: Uint8Array<ArrayBuffer> | null, strokes: number[][] }} Drawing
 */

/**
 * How the run's images are drawn.
 *
 * @typedef {Pick<import("./protocol.js").OwnHand, "shape" | "share" | "width" | "dark" | "ink">} Hand
 */

const SPACING = 0.25; // pixels between the points where the pen touches
const PEN = 0.31; // standard deviation of a soft pen that leaves strokes of width 1
const SMALLEST = 0.2; // of the pad: what is drawn smaller stays smaller, or a dot would become a ball
const WIDTHS = [0.04, 0.12]; // of the image: photographs have no strokes whose width could be copied

/** @type {Drawing} */
export const BLANK = { image: null, strokes: [] };

/** @param {Drawing} drawing */
export const isBlank = ({ image, strokes }) => !image && strokes.length === 0;

/**
 * Width of a stroke in pixels of the image.
 *
 * @param {Pick<Hand, "shape" | "width">} hand
 */
export const strokeWidth = ({ shape: [, height], width }) => Math.min(WIDTHS[1] * height, Math.max(WIDTHS[0] * height, width));

/**
 * The image that the network gets, as bytes: of one channel for all, or of all channels where it starts from an image.
 *
 * @param {Drawing} drawing
 * @param {Omit<Hand, "ink">} hand
 */
export function rasterised({ image, strokes }, hand) {
  const [channels, height, width] = hand.shape;
  const ink = flow(image ? onImage(strokes, height, width) : placed(strokes, hand), height, width, PEN * strokeWidth(hand));
  const size = height * width;
  const bytes = new Uint8Array(image ? channels * size : size);
  for (let i = 0; i < bytes.length; i++) {
    const value = Math.round(255 * (1 - Math.exp(-ink[i % size])));
    const pixel = hand.dark ? 255 - value : value;
    bytes[i] = !image ? pixel : hand.dark ? Math.min(image[i], pixel) : Math.max(image[i], pixel);
  }
  return bytes;
}

/**
 * Strokes in pixels: in the middle, and as large as the characters of the run's images.
 *
 * @param {number[][]} strokes
 * @param {Omit<Hand, "ink">} hand
 */
function placed(strokes, hand) {
  const [, height, width] = hand.shape;
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (const stroke of strokes) {
    stroke.forEach((value, i) => {
      low[i % 2] = Math.min(low[i % 2], value);
      high[i % 2] = Math.max(high[i % 2], value);
    });
  }
  const extent = Math.max(high[0] - low[0], high[1] - low[1], SMALLEST);
  const scale = (hand.share * Math.min(height, width) - strokeWidth(hand)) / extent;
  const middle = [(width - 1) / 2, (height - 1) / 2];
  return strokes.map((stroke) => stroke.map((value, i) => middle[i % 2] + scale * (value - (low[i % 2] + high[i % 2]) / 2)));
}

/**
 * @param {number[][]} strokes
 * @param {number} height
 * @param {number} width
 */
const onImage = (strokes, height, width) =>
  strokes.map((stroke) => stroke.map((value, i) => value * (i % 2 ? height : width) - 0.5));

/**
 * How much ink flows onto each pixel from a round soft pen, as the generated characters are drawn.
 *
 * @param {number[][]} strokes
 * @param {number} height
 * @param {number} width
 * @param {number} pen
 */
function flow(strokes, height, width, pen) {
  const total = new Float32Array(height * width);
  const reach = Math.sqrt(8) * pen;
  const touch = (/** @type {number} */ distance) => Math.max(0, 1 - (distance / reach) ** 2) ** 4;
  const drop = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ length) => {
    for (let row = Math.max(0, Math.ceil(y - reach)); row <= Math.min(height - 1, y + reach); row++) {
      const down = (touch(row - y) * 1.5 * length) / pen;
      for (let column = Math.max(0, Math.ceil(x - reach)); column <= Math.min(width - 1, x + reach); column++) {
        total[row * width + column] += down * touch(column - x);
      }
    }
  };
  for (const stroke of strokes) {
    if (lengthOf(stroke) < SPACING) drop(stroke[0], stroke[1], 2 * pen);
    else for (const [x, y, length] of evenly(stroke)) drop(x, y, length);
  }
  return total;
}

/** @param {number[]} stroke */
function lengthOf(stroke) {
  let length = 0;
  for (let i = 2; i < stroke.length; i += 2) length += Math.hypot(stroke[i] - stroke[i - 2], stroke[i + 1] - stroke[i - 1]);
  return length;
}

/**
 * Points along a stroke, `[x, y, the length that each stands for]`.
 *
 * @param {number[]} stroke
 */
function* evenly(stroke) {
  for (let i = 2; i < stroke.length; i += 2) {
    const [x, y] = [stroke[i - 2], stroke[i - 1]];
    const [dx, dy] = [stroke[i] - x, stroke[i + 1] - y];
    const length = Math.hypot(dx, dy);
    const count = Math.max(1, Math.round(length / SPACING));
    for (let part = 0; part < count; part++) yield [x + (dx * (part + 0.5)) / count, y + (dy * (part + 0.5)) / count, length / count];
  }
}

/** @param {Uint8Array} bytes */
export const encoded = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** @param {string} text */
export const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
