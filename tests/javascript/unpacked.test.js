import assert from "node:assert/strict";
import { test } from "node:test";

import { unpacked } from "../../dashboard/web/common/unpacked.js";

/** As `packing.py` writes it. */
function packed(header, floats) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = Math.ceil((4 + text.length) / 4) * 4;
  const buffer = new ArrayBuffer(start + 4 * floats.length);
  new DataView(buffer).setUint32(0, text.length, true);
  new Uint8Array(buffer).set(text, 4);
  floats.forEach((value, i) => new DataView(buffer).setFloat32(start + 4 * i, value, true));
  return buffer;
}

test("a header of any length is followed by its numbers", () => {
  for (const name of ["", "a", "ab", "abc", "abcd", "θ_0 → ∞"]) {
    const { header, floats } = unpacked(packed({ name }, [1.5, -2, NaN, Infinity]));
    assert.deepEqual(header, { name });
    assert.deepEqual([...floats], [1.5, -2, NaN, Infinity]);
  }
});

test("a frame may have no numbers", () => {
  assert.equal(unpacked(packed({ frame: 1 }, [])).floats.length, 0);
});
