// Drawings of one's own as data: examples of each class and a query. They are never changed in place; each change makes others.

import { BLANK, decoded, encoded, isBlank, rasterised } from "./ink.js";
import { letter } from "./pen.js";

/** @import { ExampleTask, OwnHand, OwnTask } from "./protocol.js" */
/** @import { Drawing, Hand } from "./ink.js" */

/** @typedef {{ classes: Drawing[][], query: Drawing }} Drawings */

/** @typedef {{ row: number | "query", column: number }} Place Of a drawing: its class and which of its examples, or the query. */

/** @typedef {{ drawings: Drawings, at: Place }} Version Drawings, and the one that is on the pad. */

export const QUERY = "query";
export const MIN_CLASSES = 2;
const FIRST_CLASSES = 3;

/** @type {Drawings} */
export const START = { classes: Array.from({ length: FIRST_CLASSES }, () => [BLANK]), query: BLANK };

/** @type {Place} */
export const FIRST = { row: 0, column: 0 };

/** @param {Place} at */
export const nameOf = ({ row, column }) => (row === QUERY ? "Test image" : `Class ${letter(row)}, example ${column + 1}`);

/**
 * @param {Place} a
 * @param {Place} b
 */
export const isSame = (a, b) => a.row === b.row && a.column === b.column;

/**
 * @param {Drawings} drawings
 * @param {Place} at
 */
export const drawingAt = ({ classes, query }, { row, column }) => (row === QUERY ? query : classes[row]?.[column]);

/**
 * All places, the query last.
 *
 * @param {Drawings} drawings
 * @returns {Place[]}
 */
export const places = ({ classes }) => [...classes.flatMap((cells, row) => cells.map((_, column) => ({ row, column }))), { row: QUERY, column: 0 }];

/**
 * How many examples each class has: where it is the same, the same cells are on the page.
 *
 * @param {Drawings} drawings
 */
export const layoutOf = ({ classes }) => classes.map((cells) => cells.length).join();

// --- Changes ---

/**
 * With another drawing at a place.
 *
 * @param {Drawings} drawings
 * @param {Place} at
 * @param {Drawing} drawing
 * @returns {Drawings}
 */
export function withDrawing(drawings, at, drawing) {
  if (at.row === QUERY) return { ...drawings, query: drawing };
  const classes = drawings.classes.map((cells, row) => (row === at.row ? cells.map((cell, column) => (column === at.column ? drawing : cell)) : cells));
  return { ...drawings, classes };
}

/**
 * With one more example of a class, to be drawn next.
 *
 * @param {Drawings} drawings
 * @param {number} row
 * @returns {Version}
 */
export function withExample(drawings, row) {
  const classes = drawings.classes.map((cells, r) => (r === row ? [...cells, BLANK] : cells));
  return { drawings: { ...drawings, classes }, at: { row, column: classes[row].length - 1 } };
}

/**
 * @param {Drawings} drawings
 * @param {Place} at
 * @returns {Version}
 */
export function withoutExample(drawings, { row, column }) {
  const classes = drawings.classes.map((cells, r) => (r === row ? cells.filter((_, c) => c !== column) : cells));
  return { drawings: { ...drawings, classes }, at: { row, column: Math.max(0, column - 1) } };
}

/**
 * With one more class, to be drawn next.
 *
 * @param {Drawings} drawings
 * @returns {Version}
 */
export function withClass(drawings) {
  const classes = [...drawings.classes, [BLANK]];
  return { drawings: { ...drawings, classes }, at: { row: classes.length - 1, column: 0 } };
}

/**
 * @param {Drawings} drawings
 * @param {number} row
 * @returns {Version}
 */
export function withoutClass(drawings, row) {
  const classes = drawings.classes.filter((_, r) => r !== row);
  return { drawings: { ...drawings, classes }, at: { row: Math.min(row, classes.length - 1), column: 0 } };
}

/**
 * For another run: images belong to their shape, and a network may tell fewer classes apart.
 *
 * @param {Drawings} drawings
 * @param {OwnHand} own
 * @param {boolean} isAnother Whether another run was there before, to whose shape all images belong.
 * @returns {Drawings}
 */
export function fitted({ classes, query }, { shape, max_classes }, isAnother) {
  const size = shape.reduce((all, side) => all * side, 1);
  const keep = (/** @type {Drawing} */ drawing) => (drawing.image && (isAnother || drawing.image.length !== size) ? { ...drawing, image: null } : drawing);
  return { classes: classes.slice(0, max_classes).map((row) => row.map(keep)), query: keep(query) };
}

/**
 * Drawings that start from the images of a generated task.
 *
 * @param {Pick<ExampleTask, "support" | "query">} task
 * @param {number} maxClasses
 * @param {number} which Of its query images, counted round.
 * @returns {Drawings}
 */
export function copied({ support, query }, maxClasses, which) {
  /** @type {Drawing[][]} */
  const rows = Array.from({ length: maxClasses }, () => []);
  for (const [label, text] of support) rows[label]?.push({ image: decoded(text), strokes: [] });
  const classes = rows.filter((row) => row.length > 0);
  return { classes, query: { image: decoded(query[which % Math.min(query.length, classes.length)]), strokes: [] } };
}

// --- What they come to ---

/**
 * The next empty drawing behind one, else the next drawing.
 *
 * @param {Drawings} drawings
 * @param {Place} at
 */
export function nextPlace(drawings, at) {
  const all = places(drawings);
  const here = all.findIndex((place) => isSame(place, at));
  const behind = [...all.slice(here + 1), ...all.slice(0, here)];
  return behind.find((place) => isBlank(drawingAt(drawings, place))) ?? behind[0];
}

/**
 * What keeps the drawings from being a task, in a sentence; empty when nothing does.
 *
 * @param {Drawings} drawings
 * @param {boolean} characters Whether the run's images are characters.
 */
export function missing({ classes, query }, characters) {
  const examples = classes.map((row) => row.filter((drawing) => !isBlank(drawing)).length);
  const count = examples.filter(Boolean).length;
  const gap = examples.findIndex((number, row) => number === 0 && examples.slice(row).some(Boolean));
  if (gap >= 0) return `Class ${letter(gap)} has no drawing: draw an example of it, or remove the class.`;
  if (count < MIN_CLASSES) return `Draw an example of class ${letter(count)}${count === 0 ? ", then of others" : ""}.`;
  if (isBlank(query)) return `Draw the test image (?): ${characters ? "a character" : "an image"} of one of the classes, drawn once more.`;
  return "";
}

/**
 * The drawings as the network gets them.
 *
 * @param {Drawings} drawings
 * @param {Hand} hand
 * @returns {Pick<OwnTask, "support" | "query">}
 */
export function taskOf({ classes, query }, hand) {
  const image = (/** @type {Drawing} */ drawing) => encoded(rasterised(drawing, hand));
  const drawn = (/** @type {Drawing[]} */ row) => row.filter((drawing) => !isBlank(drawing));
  return { support: classes.flatMap((row, label) => drawn(row).map((drawing) => /** @type {[number, string]} */ ([label, image(drawing)]))), query: [image(query)] };
}

// --- Over a reload ---

/** @param {Drawings} drawings */
export const asText = (drawings) => JSON.stringify(drawings, (key, value) => (key === "image" && value ? encoded(value) : value));

/**
 * What `asText` wrote; null where it is none of that, but of another version of the page.
 *
 * @param {string | null} text
 * @returns {Drawings | null}
 */
export function fromText(text) {
  try {
    const drawings = JSON.parse(text ?? "null", (key, value) => (key === "image" && value ? decoded(value) : value));
    return drawings?.classes?.length >= MIN_CLASSES && drawings.query ? drawings : null;
  } catch {
    return null;
  }
}
