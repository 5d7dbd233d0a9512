// The server's binary frames, read (`packing.py` writes them).

/**
 * A frame: uint32 header length, the JSON header, padding to four bytes, then float32 values.
 *
 * @template Header
 * @param {ArrayBuffer} buffer
 * @returns {import("./protocol.js").Frame<Header>}
 */
export function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = Math.ceil((4 + length) / 4) * 4;
  return { header, floats: new Float32Array(buffer, start) };
}
