import assert from "node:assert/strict";
import { test } from "node:test";

import { apart, flat, forPlotly, fromPlotly, literal, numbered, pieces, spelled } from "../../dashboard/web/common/pieces.js";
import { Store } from "../../dashboard/web/sweeps/store.js";

const SAID = "θ_0 → θ_12, θ_N, 2/λ_max and N_eval";
const NAMES = ["<b>x</b>", "a & b", "&lt;i&gt;", "θ_0", "λ_max", "N_eval", "RUN_1", "<sub>0</sub>", "θ<sub>N</sub>", "<a href='javascript:x'>", "it's \"q\"", "", "%{x}", "θ\u2060θ_0"];

/** What a reader of Plotly's HTML sees: no tags but subscripts, which are left as marks. */
const seen = (html) => {
  const text = html.replaceAll("<sub>", "⟨").replaceAll("</sub>", "⟩");
  assert.doesNotMatch(text, /[<>]|&(?!(lt|gt|amp);)/);
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
};

test("symbols and their indices are taken out of a sentence, which keeps the rest", () => {
  assert.deepEqual(pieces("from θ_0 to λ_max."), [{ plain: "from " }, { symbol: "θ", sub: "0" }, { plain: " to " }, { symbol: "λ", sub: "max" }, { plain: "." }]);
  assert.deepEqual(pieces(""), []);
});

test("other underlines, and tags, are plain text", () => {
  for (const plain of ["num_inner_steps", "RUN_eval", "<b>bold</b>", "a < b", "<sub>open", "<sub>0</sub>"]) assert.deepEqual(pieces(plain), [{ plain }]);
});

test("each place has its own way to write an index", () => {
  assert.equal(flat(SAID), "θ₀ → θ₁₂, θN, 2/λmax and Neval");
  assert.equal(forPlotly(SAID), "θ<sub>0</sub> → θ<sub>12</sub>, θ<sub>N</sub>, 2/λ<sub>max</sub> and N<sub>eval</sub>");
  assert.equal(fromPlotly(forPlotly(SAID)), SAID);
  assert.equal(spelled(SAID), SAID);
});

test("a name is read as it was written, whatever it holds, and acts nowhere", () => {
  for (const a of NAMES) {
    for (const b of NAMES) {
      const name = a + b;
      const said = `θ_0 of ${literal(name)}: λ_max`;
      assert.equal(spelled(literal(name)), name);
      assert.equal(flat(said), `θ₀ of ${name}: λmax`);
      assert.equal(seen(forPlotly(said)), `θ⟨0⟩ of ${name}: λ⟨max⟩`);
      assert.equal(spelled(fromPlotly(forPlotly(literal(name)))), name);
      assert.equal(pieces(fromPlotly(forPlotly(literal(name)))).some((piece) => "symbol" in piece), false);
    }
  }
});

test("what a box says of a setting whose folder is called like markup", () => {
  for (const folder of NAMES) {
    const store = new Store();
    store.axes = [{ name: "tasks.folder", symbol: "folder", title: "folder", values: [folder] }];
    store.settings([[7, folder]]);
    const [at, state] = store.lines(7);
    assert.equal(seen(forPlotly(at)), `folder ${folder}`);
    assert.equal(flat(at), `folder ${folder}`);
    assert.equal(state, "waiting");
  }
});

test("a name has the number of inner steps in the place of N, in its words and in its symbol", () => {
  assert.equal(numbered("after N steps (θ_N)", 3), "after 3 steps (θ_3)");
  assert.equal(numbered("after N steps", 1), "after 1 step");
  for (const other of ["after", "adapted (θ_N)", "training, raw", "N = 4"]) assert.equal(numbered(other, 3), other);
});

test("a name is told apart from the symbol behind it", () => {
  assert.deepEqual(apart("test points (query)"), ["test points", " (query)"]);
  assert.deepEqual(apart("right"), ["right", ""]);
});
