// Fingers: a swipe that begins on a chart or on a slider scrolls the page, as it does everywhere else.

const DECIDED = 8; // pixels after which a touch is a swipe one way or the other

/**
 * A touch on a slider of which nobody knows yet what it will be.
 *
 * @type {{ input: HTMLInputElement, value: string, x: number, y: number } | null}
 */
let held = null;

/**
 * What is touched or what it lies in, if it is of this kind.
 *
 * @param {EventTarget | null} target
 * @param {string} selector
 */
const inside = (target, selector) => (target instanceof Element ? target.closest(selector) : null);

/**
 * Plotly would drag with a finger as with a mouse, and keep the page from scrolling; taps reach it as clicks.
 *
 * @param {TouchEvent} event
 */
function leaveChartsAlone(event) {
  if (inside(event.target, ".js-plotly-plot")) event.stopPropagation();
}

/** @param {PointerEvent} event */
function hold({ pointerType, target, clientX: x, clientY: y }) {
  const input = /** @type {HTMLInputElement | null} */ (inside(target, ".maml-live input[type=range]"));
  held = pointerType === "touch" && input && !input.disabled ? { input, value: input.value, x, y } : null;
}

/**
 * The browser sets a slider at the first touch; what that sets waits until the touch is a tap or goes along the slider.
 *
 * @param {Event} event
 */
function wait(event) {
  if (event.target === held?.input) event.stopImmediatePropagation();
}

/** @param {PointerEvent} event */
function moved({ clientX, clientY }) {
  if (!held) return;
  const [along, across] = [Math.abs(clientX - held.x), Math.abs(clientY - held.y)];
  if (along > DECIDED && along > across) take();
}

function take() {
  if (!held) return;
  const { input, value } = held;
  held = null;
  if (input.value !== value) input.dispatchEvent(new Event("input", { bubbles: true }));
}

/** The browser took the touch over for scrolling. */
function giveBack() {
  if (held) held.input.value = held.value;
  held = null;
}

/** Listens to the whole document, for the charts that Streamlit draws as well. */
export function letSwipesScroll() {
  const first = { capture: true, passive: true };
  addEventListener("touchstart", leaveChartsAlone, first);
  addEventListener("pointerdown", hold, first);
  addEventListener("pointermove", moved, first);
  addEventListener("pointerup", take, first);
  addEventListener("pointercancel", giveBack, first);
  for (const type of ["input", "change"]) addEventListener(type, wait, { capture: true });
}
