import assert from "node:assert/strict";
import { test } from "node:test";

import { decade, exact, percent, short, whole } from "../../dashboard/web/common/format.js";

test("a loss has three significant digits, and a power where digits would not do", () => {
  const said = [0, 3.01449, 12345.6, 99_999, 100_000, 0.001, 0.00099, 1.25e-9, 3e12, -0.5].map(short);
  assert.deepEqual(said, ["0", "3.01", "12300", "100000", "1e5", "0.001", "9.9e-4", "1.3e-9", "3e12", "−0.5"]);
});

test("what is no number is said so", () => {
  assert.deepEqual([null, undefined, NaN, Infinity, -Infinity].map(short), ["–", "–", "–", "∞", "−∞"]);
  assert.deepEqual([percent(NaN), exact(NaN)], ["–", ""]);
});

test("an accuracy is a share", () => {
  assert.deepEqual([0, 0.2, 0.98765, 1].map(percent), ["0.0%", "20.0%", "98.8%", "100.0%"]);
});

test("a setting can be typed again", () => {
  for (const value of [0.01, 0.0004, 1e-5, 2, 1234.56, 0.123456]) assert.equal(Number(exact(value)), value);
});

test("whole numbers have thin groups", () => {
  assert.deepEqual([0, 999, 1000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
});

test("decades are plain numbers near one and powers elsewhere", () => {
  assert.deepEqual([-12, -3, -2, 0, 2, 3].map(decade), ["10⁻¹²", "10⁻³", "0.01", "1", "100", "10³"]);
});
