// What people draw on, and what shows a drawing: as it was drawn, or as the network gets it.

import { known } from "../common/dom.js";
import { isBlank, rasterised, strokeWidth } from "./ink.js";
import { context2d } from "./pen.js";

/** @import { Drawing, Hand } from "./ink.js" */

/** @typedef {(stroke: number[]) => void} Stroked Takes a stroke, `[x, y, x, y, ...]` in 0..1 of the pad. */

/** @typedef {{ x: number, y: number, down: boolean }} KeyboardPen Where the pen of the keyboard is, in 0..1 of the pad. */

/**
 * Paints a drawing as it was drawn.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Drawing} drawing
 * @param {Hand} hand
 */
export function paint(canvas, { image, strokes }, hand) {
  const context = sized(canvas);
  const { width: side } = canvas;
  if (!hand.ink) {
    context.fillStyle = hand.dark ? "white" : "black";
    context.fillRect(0, 0, side, side);
  }
  if (image) {
    context.imageSmoothingEnabled = true;
    context.drawImage(picture(image, hand, canvas), 0, 0, side, side);
  }
  const line = (strokeWidth(hand) / hand.shape[1]) * side;
  Object.assign(context, { lineWidth: line, lineCap: "round", lineJoin: "round", strokeStyle: inkOf(canvas, hand), fillStyle: inkOf(canvas, hand) });
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(stroke[0] * side, stroke[1] * side);
    for (let i = 2; i < stroke.length; i += 2) context.lineTo(stroke[i] * side, stroke[i + 1] * side);
    if (stroke.length > 2) context.stroke();
    else context.arc(stroke[0] * side, stroke[1] * side, line / 2, 0, 2 * Math.PI), context.fill();
  }
}

/**
 * Paints what the network gets, pixel by pixel.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Drawing} drawing
 * @param {Hand} hand
 */
export function paintPixels(canvas, drawing, hand) {
  const context = sized(canvas);
  if (isBlank(drawing)) return;
  context.imageSmoothingEnabled = false;
  context.drawImage(picture(rasterised(drawing, hand), hand, canvas), 0, 0, canvas.width, canvas.height);
}

/**
 * Ink has the colour of text; on photographs it is what the network gets, black or white.
 *
 * @param {HTMLElement} node
 * @param {Hand} hand
 */
const inkOf = (node, { ink, dark }) => (ink ? getComputedStyle(node).color : dark ? "black" : "white");

/** @param {HTMLCanvasElement} canvas */
function sized(canvas) {
  const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = context2d(canvas);
  context.clearRect(0, 0, side, side);
  return context;
}

/**
 * Bytes as a canvas of their size: ink in the page's colour, or grey levels and colours as they are.
 *
 * @param {Uint8Array} bytes
 * @param {Hand} hand
 * @param {HTMLElement} node Whose text has the page's colour.
 */
function picture(bytes, hand, node) {
  const { shape: [channels, height, width], ink } = hand;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = context2d(canvas);
  const pixels = context.createImageData(width, height);
  const size = height * width;
  const colored = channels === 3 && bytes.length === 3 * size;
  const color = ink && known(inkOf(node, hand).match(/[\d.]+/g)).map(Number).slice(0, 3);
  for (let i = 0; i < size; i++) {
    const [red, green, blue] = colored ? [bytes[i], bytes[size + i], bytes[2 * size + i]] : [bytes[i], bytes[i], bytes[i]];
    pixels.data.set(color ? [...color, bytes[i]] : [red, green, blue, 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

const STEP = 0.004; // of the pad: nearer points say nothing new
const TAP = 0.04;

/**
 * Makes an element something to draw on, with mouse, pen or finger.
 *
 * @param {HTMLElement} node
 * @param {object} options
 * @param {boolean} [options.taps] Whether a touch that hardly moves is a stroke.
 * @param {Stroked} options.moved Called while one is drawn.
 * @param {Stroked} options.ended Called after it.
 */
export function drawable(node, { taps = true, moved, ended }) {
  /** @type {number[]} */
  let stroke = [];
  /** @type {number | null} */
  let pointer = null;
  const add = (/** @type {PointerEvent} */ { clientX, clientY }) => {
    const box = node.getBoundingClientRect();
    const at = [(clientX - box.left) / box.width, (clientY - box.top) / box.height].map((v) => Math.min(1, Math.max(0, v)));
    const [x, y] = stroke.slice(-2);
    if (stroke.length === 0 || Math.hypot(at[0] - x, at[1] - y) > STEP) stroke.push(...at.map((v) => Math.round(v * 1000) / 1000));
  };
  const drawn = () => taps || stroke.some((value, i) => Math.abs(value - stroke[i % 2]) > TAP);
  node.style.touchAction = "none";
  // Or a stroke that ends fast is taken for a fling, which the next tap only stops: it would press nothing.
  if (taps) node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  node.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return; // one finger draws; a second, or a palm, does not
    node.setPointerCapture(event.pointerId);
    [pointer, stroke] = [event.pointerId, []];
    add(event);
    if (drawn()) moved(stroke);
  });
  node.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const finer = event.getCoalescedEvents?.() ?? [];
    for (const point of finer.length > 0 ? finer : [event]) add(point);
    if (drawn()) moved(stroke);
  });
  const end = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId !== pointer) return;
    const [whole, counts] = [stroke, drawn()];
    [pointer, stroke] = [null, []];
    if (counts) ended(whole);
  };
  node.addEventListener("pointerup", end);
  node.addEventListener("pointercancel", end);
}

const KEY_STEP = 0.04; // of the pad, for one press of an arrow key
const KEY_LEAP = 0.16; // with Shift
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Makes an element something to draw on with the keyboard: arrow keys move a pen, and the space bar puts it down and lifts it.
 *
 * @param {HTMLElement} node
 * @param {object} options
 * @param {Stroked} options.moved As with `drawable`.
 * @param {Stroked} options.ended
 * @param {(pen: KeyboardPen) => void} options.at Called whenever the pen has changed.
 */
export function drawableByKeys(node, { moved, ended, at }) {
  const pen = { x: 0.5, y: 0.5, down: false };
  /** @type {number[]} */
  let stroke = [];
  const point = () => stroke.push(...[pen.x, pen.y].map((value) => Math.round(value * 1000) / 1000));
  const lift = () => {
    if (!pen.down) return;
    pen.down = false;
    ended(stroke);
    at(pen);
  };
  node.addEventListener("focus", () => at(pen));
  node.addEventListener("blur", lift);
  node.addEventListener("mousedown", (event) => event.preventDefault()); // whoever draws with the mouse keeps the page's keys
  node.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (event.key === " " && !event.repeat) {
      if (pen.down) lift();
      else {
        [pen.down, stroke] = [true, []];
        point();
        moved(stroke);
        at(pen);
      }
    } else if (arrow) {
      const step = event.shiftKey ? KEY_LEAP : KEY_STEP;
      const moveTo = (/** @type {number} */ from, /** @type {number} */ way) => Math.min(1, Math.max(0, from + way * step));
      Object.assign(pen, { x: moveTo(pen.x, arrow[0]), y: moveTo(pen.y, arrow[1]) });
      if (pen.down) {
        point();
        moved(stroke);
      }
      at(pen);
    } else return;
    event.preventDefault();
  });
}
