// What people draw on, and what shows a drawing: as it was drawn, or as the network gets it.

import { isBlank, rasterised, strokeWidth } from "./ink.js";

/** Paints a drawing as it was drawn. */
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

/** Paints what the network gets, pixel by pixel. */
export function paintPixels(canvas, drawing, hand) {
  const context = sized(canvas);
  if (isBlank(drawing)) return;
  context.imageSmoothingEnabled = false;
  context.drawImage(picture(rasterised(drawing, hand), hand, canvas), 0, 0, canvas.width, canvas.height);
}

/** Ink has the colour of text; on photographs it is what the network gets, black or white. */
const inkOf = (node, { ink, dark }) => (ink ? getComputedStyle(node).color : dark ? "black" : "white");

function sized(canvas) {
  const side = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, side, side);
  return context;
}

/** Bytes as a canvas of their size: ink in the page's colour, or grey levels and colours as they are. */
function picture(bytes, hand, node) {
  const { shape: [channels, height, width], ink } = hand;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const size = height * width;
  const colored = channels === 3 && bytes.length === 3 * size;
  const color = ink && inkOf(node, hand).match(/[\d.]+/g).map(Number).slice(0, 3);
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
 * `moved(stroke)` is called while one is drawn and `ended(stroke)` after it. Where `taps` is false, a touch that hardly moves is no stroke.
 */
export function drawable(node, { taps = true, moved, ended }) {
  let stroke = null;
  let pointer = null;
  const add = ({ clientX, clientY }) => {
    const box = node.getBoundingClientRect();
    const at = [(clientX - box.left) / box.width, (clientY - box.top) / box.height].map((v) => Math.min(1, Math.max(0, v)));
    const [x, y] = stroke.slice(-2);
    if (stroke.length === 0 || Math.hypot(at[0] - x, at[1] - y) > STEP) stroke.push(...at.map((v) => Math.round(v * 1000) / 1000));
  };
  const drawn = () => taps || stroke.some((value, i) => Math.abs(value - stroke[i % 2]) > TAP);
  node.style.touchAction = "none";
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
  const end = (event) => {
    if (event.pointerId !== pointer) return;
    const [whole, counts] = [stroke, drawn()];
    [pointer, stroke] = [null, null];
    if (counts) ended(whole);
  };
  node.addEventListener("pointerup", end);
  node.addEventListener("pointercancel", end);
}
