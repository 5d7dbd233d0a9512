// One way of writing symbols: a sentence has θ_0 and λ_max, and each place that shows it draws their indices as well as it can.

const INDEXED = /([θλ]|(?<!\w)N(?=_eval))_(\w+)/;

/** The word joiner: invisible, and what stands on its two sides is not read as one symbol. */
const JOINER = "\u2060";

const INDICES = "₀₁₂₃₄₅₆₇₈₉";

/** @type {Record<string, string>} */
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** @typedef {{ plain: string } | { symbol: string, sub: string }} Piece */

/**
 * The pieces of a sentence: symbols with their indices, and plain text.
 *
 * @param {string} text
 * @returns {Piece[]}
 */
export function pieces(text) {
  const parts = text.split(INDEXED); // plain, symbol, index, plain, ...
  /** @type {Piece[]} */
  const found = parts.map((part, i) => (i % 3 === 0 ? { plain: part } : { symbol: part, sub: parts[i + 1] }));
  return found.filter((piece, i) => i % 3 !== 2 && !("plain" in piece && piece.plain === ""));
}

/**
 * A name or a value that people gave, for a sentence: it stays as it is, though it may look like a symbol.
 *
 * @param {string} name
 */
export const literal = (name) => name.replace(/[θλ](?=_\w)|(?<!\w)N(?=_eval)/g, `$&${JOINER}`);

/**
 * A sentence as a file has it: θ_0, and names to the letter.
 *
 * @param {string} text
 */
export const spelled = (text) => text.replace(new RegExp(`(?<=[θλN])${JOINER}(?=_)`, "g"), "");

/**
 * A sentence where there are no subscripts, as in attributes: θ₀, θN, λmax.
 *
 * @param {string} text
 */
export const flat = (text) => written(text, (symbol, sub) => symbol + sub.replace(/\d/g, (digit) => INDICES[Number(digit)]), spelled);

/**
 * A sentence for Plotly, which reads HTML: nothing that it says acts as markup.
 *
 * @param {string} text
 */
export const forPlotly = (text) => written(text, (symbol, sub) => `${symbol}<sub>${sub}</sub>`, (plain) => spelled(plain).replace(/[&<>]/g, (sign) => ENTITIES[sign]));

/**
 * The sentence that a text for Plotly says, such as the name of a trace.
 *
 * @param {string} html
 */
export const fromPlotly = (html) =>
  html
    .split(/<sub>(.*?)<\/sub>/)
    .map((part, i) => (i % 2 ? `_${part}` : literal(part.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"))))
    .join("");

/**
 * The name of a trace with a number in the place of N: “after 3 steps (θ_3)”.
 *
 * @param {string} name
 * @param {number} n
 */
export const numbered = (name, n) => name.replace("N steps", n === 1 ? "1 step" : `${n} steps`).replace(/(?<=after.*θ_)N/, String(n));

/**
 * A name in words, and the symbol in brackets behind it, if there is one.
 *
 * @param {string} name
 */
export const apart = (name) => /** @type {[string, string]} */ (name.split(/(?= \([^()]*\)$)/).concat("").slice(0, 2));

/**
 * @param {string} text
 * @param {(symbol: string, sub: string) => string} ofSymbol
 * @param {(plain: string) => string} ofText
 */
const written = (text, ofSymbol, ofText) => pieces(text).map((piece) => ("plain" in piece ? ofText(piece.plain) : ofSymbol(piece.symbol, piece.sub))).join("");
