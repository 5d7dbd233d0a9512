// Numbers as people read them, never wider than the place they stand in.

/**
 * A loss or a rate: three significant digits, `1.2e-9` and `3e12` where plain digits would not do.
 *
 * @param {number | null | undefined} value
 */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return withMinus(tidyExponent(value.toExponential(1)));
  return withMinus(String(Number(value.toPrecision(3))));
}

/**
 * A printed number, with a minus sign in the place of the hyphen that it begins with.
 *
 * @param {string} number
 */
export const withMinus = (number) => number.replace(/^-/, "−");

/**
 * An accuracy from 0 to 1, as it is said.
 *
 * @param {number} share
 */
export const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)}%` : "–");

/**
 * A setting, exactly enough to type it again.
 *
 * @param {number} value
 */
export function exact(value) {
  if (!Number.isFinite(value)) return "";
  const digits = Number(value.toPrecision(6));
  const size = Math.abs(digits);
  return size !== 0 && size < 1e-3 ? tidyExponent(digits.toExponential()) : String(digits);
}

/** @param {string} text */
function tidyExponent(text) {
  return text.replace(".0e", "e").replace("e+", "e");
}

/**
 * A whole number in groups, as sentences of the server have it: 70,000.
 *
 * @param {number} value
 */
export const whole = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");

/**
 * A power of ten: 10⁻⁴ for -4, and 0.01 ... 100 where digits are as short.
 *
 * @param {number} exponent
 */
export function decade(exponent) {
  if (exponent >= -2 && exponent <= 2) return String(Number((10 ** exponent).toPrecision(1)));
  const superscript = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const digits = [...String(Math.abs(exponent))].map((digit) => superscript[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}
