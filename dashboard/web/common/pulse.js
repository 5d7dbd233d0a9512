// What goes on has a dot that dims and lights up again. It changes when something is drawn anyway: an animation of its own would have the page put
// together sixty times a second, which takes WebKit without a graphics processor more than a third of the time that it has for charts.

const HALF_MS = 800;

/**
 * Call it with each frame.
 *
 * @param {{ dataset: DOMStringMap }} pill What has the dot.
 * @param {number} [now] In ms.
 */
export function pulse({ dataset }, now = performance.now()) {
  const half = String(Math.floor(now / HALF_MS) % 2);
  if (dataset.pulse !== half) dataset.pulse = half;
}
