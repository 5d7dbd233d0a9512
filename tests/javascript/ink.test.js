import assert from "node:assert/strict";
import { test } from "node:test";

import { BLANK, decoded, encoded, isBlank, rasterised, strokeWidth } from "../../dashboard/web/live/ink.js";

const HAND = { shape: [1, 28, 28], share: 0.7, width: 2, dark: false };
const box = (bytes, side = 28) => {
  const at = [...bytes.keys()].filter((i) => bytes[i] > 60);
  const [rows, columns] = [at.map((i) => Math.floor(i / side)), at.map((i) => i % side)];
  return { left: Math.min(...columns), right: Math.max(...columns), top: Math.min(...rows), bottom: Math.max(...rows) };
};

test("nothing drawn is nothing", () => {
  assert.ok(isBlank(BLANK));
  assert.deepEqual(rasterised(BLANK, HAND), new Uint8Array(784));
});

test("a drawing is brought to the middle and to the size of the run's characters, wherever and however large it was drawn", () => {
  const small = rasterised({ image: null, strokes: [[0.1, 0.1, 0.4, 0.4]] }, HAND);
  const large = rasterised({ image: null, strokes: [[0.05, 0.05, 0.95, 0.95]] }, HAND);
  assert.ok(small.every((value, i) => Math.abs(value - large[i]) <= 2));
  const { left, right, top, bottom } = box(large);
  assert.deepEqual([left + right, top + bottom], [27, 27]);
  assert.ok(Math.abs(right - left + 1 - 0.7 * 28) <= 2);
});

test("a dot stays a dot", () => {
  const { left, right } = box(rasterised({ image: null, strokes: [[0.2, 0.8]] }, HAND));
  assert.ok(right - left + 1 <= 5);
});

test("a stroke leaves the same ink whichever way it was drawn", () => {
  const stroke = [0.2, 0.3, 0.5, 0.9, 0.8, 0.1];
  const back = [0.8, 0.1, 0.5, 0.9, 0.2, 0.3];
  const [there, here] = [stroke, back].map((one) => rasterised({ image: null, strokes: [one] }, HAND));
  assert.ok(there.every((value, i) => Math.abs(value - here[i]) <= 1));
});

test("dark strokes lie on white paper", () => {
  const drawing = { image: null, strokes: [[0.2, 0.2, 0.8, 0.8]] };
  const [light, dark] = [HAND, { ...HAND, dark: true }].map((hand) => rasterised(drawing, hand));
  assert.deepEqual(dark, light.map((value) => 255 - value));
});

test("on an image a stroke stays where it was drawn, and all channels keep what it does not cover", () => {
  const image = Uint8Array.from({ length: 3 * 784 }, (_, i) => i % 50);
  const bytes = rasterised({ image, strokes: [[0, 0.5, 1, 0.5]] }, { ...HAND, shape: [3, 28, 28] });
  for (let channel = 0; channel < 3; channel++) {
    assert.ok(bytes[channel * 784 + 14 * 28 + 14] > 150);
    assert.deepEqual(bytes.slice(channel * 784, channel * 784 + 200), image.slice(channel * 784, channel * 784 + 200));
  }
});

test("strokes are neither hairs nor bars, whatever the images have", () => {
  assert.deepEqual([0.01, 2, 50].map((width) => strokeWidth({ shape: [1, 50, 50], width })), [2, 2, 6]);
});

test("bytes survive their text", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(decoded(encoded(bytes)), bytes);
});
