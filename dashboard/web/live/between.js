// Numbers between two inner steps, for what glides from one to the next.

/**
 * The row of a place between rows: halfway at 2.5 from the third to the fourth, the last one from there on.
 *
 * @param {Float32Array[]} rows
 * @param {number} at
 */
export function between(rows, at) {
  const low = Math.min(Math.floor(at), rows.length - 1);
  const part = at - low;
  if (part < 1e-3 || low + 1 >= rows.length) return rows[low];
  return rows[low].map((value, i) => value + part * (rows[low + 1][i] - value));
}
