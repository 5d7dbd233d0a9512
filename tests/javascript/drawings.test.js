import assert from "node:assert/strict";
import { test } from "node:test";

import { FIRST, START, asText, copied, fitted, fromText, missing, nextPlace, places, taskOf, withClass, withDrawing, withExample, withoutClass, withoutExample } from "../../dashboard/web/live/drawings.js";
import { BLANK, encoded } from "../../dashboard/web/live/ink.js";
import { Question } from "../../dashboard/web/live/question.js";
import { Sketchbook } from "../../dashboard/web/live/sketchbook.js";

const LINE = [0.1, 0.1, 0.9, 0.9];
const DRAWN = { image: null, strokes: [LINE] };
const QUERY = { row: "query", column: 0 };
const HAND = { shape: [1, 4, 4], share: 0.75, width: 1, dark: false, ink: true };

const drawn = (...at) => at.reduce((drawings, place) => withDrawing(drawings, place, DRAWN), START);
const first = (row) => ({ row, column: 0 });

test("what is missing is said until classes A and B have examples and the query is drawn", () => {
  assert.equal(missing(START, true), "Draw an example of class A, then of others.");
  assert.equal(missing(drawn(first(1)), true), "Class A has no drawing: draw an example of it, or remove the class.");
  assert.equal(missing(drawn(first(0)), true), "Draw an example of class B.");
  assert.equal(missing(drawn(first(0), first(1)), true), "Draw the test image (?): a character of one of the classes, drawn once more.");
  assert.match(missing(drawn(first(0), first(1)), false), /an image of one/);
  assert.equal(missing(drawn(first(0), first(1), QUERY), true), "");
});

test("classes and examples come and go, and the pad has what is to be drawn next", () => {
  const more = withExample(START, 1);
  assert.deepEqual([more.drawings.classes.map((cells) => cells.length), more.at], [[1, 2, 1], { row: 1, column: 1 }]);
  const less = withoutExample(more.drawings, { row: 1, column: 1 });
  assert.deepEqual([less.drawings, less.at], [START, first(1)]);
  const fourth = withClass(START);
  assert.deepEqual([fourth.drawings.classes.length, fourth.at], [4, first(3)]);
  assert.deepEqual(withoutClass(fourth.drawings, 3), { drawings: START, at: first(2) });
  assert.deepEqual(START.classes, [[BLANK], [BLANK], [BLANK]]); // none of this changed it
});

test("the next drawing is an empty one, behind this one first", () => {
  assert.deepEqual(places(START).at(-1), QUERY);
  assert.deepEqual(nextPlace(drawn(first(1)), first(0)), first(2));
  assert.deepEqual(nextPlace(drawn(first(2), QUERY), first(2)), first(0));
  assert.deepEqual(nextPlace(drawn(first(0), first(1), first(2), QUERY), first(1)), first(2));
});

test("a task has every drawn example with its class, and the query; empty ones are left out", () => {
  const { drawings } = withExample(drawn(first(0), first(1), QUERY), 0);
  const { support, query } = taskOf(drawings, HAND);
  assert.deepEqual(support.map(([label]) => label), [0, 1]);
  assert.deepEqual([atob(query[0]).length, query[0]], [16, support[0][1]]);
});

const bytes = (...values) => Uint8Array.from(values);

test("images to start from stand by class, each time with another query", () => {
  const task = { support: [[0, encoded(bytes(1))], [1, encoded(bytes(2))], [0, encoded(bytes(3))], [5, encoded(bytes(9))]], query: [encoded(bytes(7)), encoded(bytes(8))] };
  const drawings = copied(task, 3, 0);
  assert.deepEqual(drawings.classes.map((row) => row.map(({ image }) => image[0])), [[1, 3], [2]]);
  assert.deepEqual([0, 1, 2].map((which) => copied(task, 3, which).query.image[0]), [7, 8, 7]);
});

test("another run keeps strokes, drops images of another shape, and has no more classes than it can tell apart", () => {
  const started = withDrawing(drawn(first(0)), first(1), { image: bytes(1, 2, 3, 4), strokes: [LINE] });
  const own = { shape: [1, 2, 2], max_classes: 2 };
  assert.deepEqual(fitted(started, own, false).classes[1][0].image, bytes(1, 2, 3, 4));
  assert.deepEqual(fitted(started, own, true).classes, [[DRAWN], [DRAWN]]);
  assert.equal(fitted(started, { ...own, shape: [1, 3, 3] }, false).classes[1][0].image, null);
});

test("what was drawn is found again, and nothing else is taken for drawings", () => {
  const started = withDrawing(drawn(first(0)), QUERY, { image: bytes(0, 255), strokes: [] });
  assert.deepEqual(fromText(asText(started)), started);
  assert.deepEqual([null, "", "{", '{"classes": [[]]}', "[]"].map(fromText), [null, null, null, null, null]);
});

test("a change is taken back with the place that was drawn on", () => {
  const told = [];
  const book = new Sketchbook((sameCells) => told.push(sameCells));
  book.add(LINE, first(2));
  book.addExample(0);
  assert.deepEqual([told, book.at], [[true, false], { row: 0, column: 1 }]);
  book.back();
  assert.deepEqual([book.at, book.drawings, book.canUndo], [first(2), drawn(first(2)), true]);
  book.back();
  assert.deepEqual([book.drawings, book.isEmpty, book.canUndo], [START, true, false]);
  book.back();
  book.clear(); // nothing is there
  book.clearAll();
  assert.equal(told.length, 4);
  book.goOn();
  assert.deepEqual([book.at, book.longer(LINE, { row: 7, column: 0 })], [first(1), null]);
  book.add(LINE, FIRST);
  book.fit({ shape: [1, 4, 4], max_classes: 2 }, true);
  assert.deepEqual([book.drawings.classes, book.canUndo], [[[DRAWN], [BLANK]], false]);
});

const TASK = { support: [[0, "a"], [1, "b"]], query: ["c"] };
const ANSWER = { always: null, num_inner_steps: 1, probabilities: [[[1, 0], [0, 1]]] };

test("a question is asked once, and answered by the frame that has seen it", () => {
  const said = [];
  const question = new Question((message) => said.push(message));
  assert.deepEqual([question.ask(TASK, true, false), question.ask(TASK, true, false), said.length], [true, false, 1]);
  assert.deepEqual([question.ask(TASK, false, false), question.ask(TASK, true, true), said.length], [true, true, 3]);
  assert.deepEqual([question.hear({ own: ANSWER, change: 2 }), question.answer], [false, null]);
  assert.deepEqual([question.hear({ own: ANSWER, change: 3 }), question.hear({ own: ANSWER, change: 4 })], [true, false]);
  assert.deepEqual(question.answer.probabilities, [[1, 0], [0, 1]]);
  question.withdraw(true);
  assert.deepEqual([said.at(-1), question.answer, question.isAsked], [{ type: "own_task", clear: true }, null, false]);
  question.withdraw(true);
  assert.equal(said.length, 4);
});

test("a refusal is of the question whose number it has, and of something else after an answer", () => {
  const question = new Question(() => 1);
  question.refused("nothing was asked", 1);
  question.ask(TASK, false, false);
  question.refused("of a dial");
  question.refused("of a dial", 2);
  assert.equal(question.refusal, "");
  question.refused("too many", 1);
  assert.equal(question.refusal, "too many");
  question.ask(TASK, true, true);
  assert.equal(question.refusal, "");
  question.hear({ own: ANSWER, change: 1 });
  question.refused("too late", 1);
  assert.equal(question.refusal, "");
});
