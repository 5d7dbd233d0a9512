// What of a live chart's layout depends on its room: the names of its axes, its ticks, and which marks are named.

import { known } from "../common/dom.js";
import { roomyTicks } from "../common/ticks.js";

/** @import { Figure } from "../common/protocol.js" */

/** @typedef {"xaxis" | "yaxis"} Axis */

export const AXES = /** @type {const} */ (["xaxis", "yaxis"]);
const SIDES = /** @type {const} */ (["l", "r", "t", "b"]);
const LETTER = 0.54; // width of one, of the height of the type

/**
 * What an axis measures, as far as its length has room for it: without what stands in brackets, or not at all, rather than cut.
 *
 * @param {string} name
 * @param {number} fontSize
 * @param {object} along In pixels.
 * @param {number} along.size Of the whole chart.
 * @param {number} along.before Of its margin before the axis.
 * @param {number} along.behind
 */
export function axisName(name, fontSize, { size, before, behind }) {
  const middle = before + (size - before - behind) / 2;
  const room = 2 * Math.min(middle, size - middle);
  return [name, name.replace(/ \(.*\)$/, "")].find((text) => LETTER * fontSize * text.replace(/<.*?>/g, "").length <= room) ?? "";
}

/**
 * As many ticks of the outer steps as have room beside each other: Plotly would turn their names upright, into the axis' own.
 *
 * @param {number | undefined} nticks Of the figure; none where it leaves them to Plotly.
 * @param {number} fontSize
 * @param {number} length Of the axis, in pixels.
 * @returns {{ nticks?: number, tickangle?: number }}
 */
export function stepTicks(nticks, fontSize, length) {
  return nticks ? { nticks: Math.max(2, Math.min(nticks, Math.floor(length / (3.2 * fontSize)))), tickangle: 0 } : {};
}

/**
 * Names the newest marks first, each only where it does not run into one that is named already.
 *
 * @param {PlotlyAnnotation[]} annotations Changed in place.
 * @param {number[]} range Outer steps that are shown.
 * @param {number} length Of the axis, in pixels.
 * @param {number} fontSize
 */
export function nameMarks(annotations, range, length, fontSize) {
  /** @type {[number, number][]} */
  const taken = [];
  for (const mark of annotations.filter(({ name }) => name === "mark").toReversed()) {
    const left = ((mark.x - range[0]) / (range[1] - range[0])) * length;
    const width = (mark.text.length + 1) * LETTER * fontSize;
    // Near the right edge the name stands on the line's left.
    const flipped = left + width > length + 62;
    const [start, end] = flipped ? [left - width, left] : [left, left + width];
    mark.xanchor = flipped ? "right" : "left";
    mark.visible = left >= 0 && left <= length && taken.every(([from, to]) => end <= from || start >= to);
    if (mark.visible) taken.push([start, end]);
  }
}

/** A figure in the type size of the page, and in the room that its chart has. */
export class Look {
  figure;
  #scale;
  #node;

  /**
   * @param {Figure} figure
   * @param {number} scale Of type, lines and markers.
   * @param {PlotlyNode} node
   */
  constructor(figure, scale, node) {
    this.figure = figure;
    this.#scale = scale;
    this.#node = node;
  }

  get scale() {
    return this.#scale;
  }

  /** The layout before it has ranges. */
  layout() {
    const layout = structuredClone(this.figure.layout);
    layout.font.size *= this.#scale;
    layout.font.family = getComputedStyle(this.#node).fontFamily;
    for (const axis of AXES) if (layout[axis].title) layout[axis].title.font.size = layout.font.size;
    for (const side of SIDES) layout.margin[side] *= this.#scale;
    for (const axis of AXES) setTitle(layout[axis], this.axisName(axis, layout));
    return layout;
  }

  /**
   * @param {Axis} axis
   * @param {PlotlyLayout} layout
   */
  axisName(axis, { margin, font }) {
    const { clientWidth, clientHeight } = this.#node;
    const along = axis === "xaxis" ? { size: clientWidth, before: margin.l, behind: margin.r } : { size: clientHeight, before: margin.t, behind: margin.b };
    return axisName(this.title(axis), font.size, along);
  }

  /** @param {Axis} axis What it measures, whole. */
  title(axis) {
    return this.figure.layout[axis].title?.text ?? "";
  }

  /** @param {PlotlyLayout} layout */
  steps({ margin, font }) {
    return stepTicks(this.figure.layout.xaxis.nticks, font.size, this.#node.clientWidth - margin.l - margin.r);
  }

  /**
   * Of a log axis's list of ticks (1, 1.5, 2, ...) as many as its range has room for.
   *
   * @param {number[]} range
   * @returns {{ tickvals?: number[], ticktext?: string[] }}
   */
  ticks(range) {
    const { tickmode, tickvals, ticktext } = this.figure.layout.yaxis;
    return tickmode === "array" ? roomyTicks(known(tickvals), known(ticktext), range, this.#node.clientHeight / (26 * this.#scale)) : {};
  }

  /**
   * @param {PlotlyAnnotation[] | undefined} annotations
   * @param {number[]} range Outer steps that are shown.
   */
  nameMarks(annotations = [], range) {
    nameMarks(annotations, range, this.#node._fullLayout?._size?.w ?? this.#node.clientWidth - 160, this.figure.layout.font.size * this.#scale);
  }
}

/**
 * @param {PlotlyAxis} axis
 * @param {string} text
 */
export function setTitle({ title }, text) {
  if (title) title.text = text;
}
