// What of a live chart's layout depends on its room: the names of its axes, its ticks, and which marks are named.

import { known } from "../common/dom.js";
import { roomyTicks } from "../common/ticks.js";

/** @import { Figure } from "../common/protocol.js" */

/** @typedef {"xaxis" | "yaxis"} Axis */

export const AXES = /** @type {const} */ (["xaxis", "yaxis"]);
const SIDES = /** @type {const} */ (["l", "r", "t", "b"]);
const LETTER = 0.54; // width of one, of the height of the type
const OF_WHOLE = [1, 2, 5, 10, 20, 50, 100]; // multiples of the distance between ticks
const OF_SHARES = [1, 2.5, 5]; // 20% is followed by 50%
const ZONES = 8; // of the height of the type: two names, a mark, its name, and what moves it
const ROW = 1.3; // height of a row of text, of the height of the type
const INTO = 3; // pixels by which the name of a level reaches over its line
const [BESIDE, ABOVE] = [0.9, 1.55]; // room for a name beside the next one besides its letters, and above it, of the height of the type

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
 * As many ticks as have room along an axis: Plotly names a lowest number of them whatever room there is, and turns names upright, into the axis' own.
 *
 * @param {Pick<PlotlyAxis, "nticks" | "dtick">} asked By the figure.
 * @param {number[]} range
 * @param {number} length Of the axis, in pixels.
 * @param {number} each Pixels that one name takes.
 * @returns {{ nticks?: number, dtick?: number }}
 */
export function fewTicks({ nticks, dtick }, [low, high], length, each) {
  const room = Math.max(2, Math.floor(length / each));
  if (dtick) {
    const multiples = Number.isInteger(dtick) ? OF_WHOLE : OF_SHARES;
    return { dtick: dtick * known(multiples.find((by) => (length * dtick * by) / (high - low) >= each) ?? multiples.at(-1)) };
  }
  return { nticks: Math.min(nticks || Math.max(5, Math.floor(length / 40)), room) };
}

/**
 * Names columns whole where each has room, else short (h1 for hidden 1), else every second one, every third, ... and the last.
 *
 * @param {PlotlyAnnotation[]} annotations Changed in place; the columns' stand in their order.
 * @param {number[]} range
 * @param {number} length Of the axis, in pixels.
 * @param {number} fontSize
 */
export function nameColumns(annotations, range, length, fontSize) {
  const columns = annotations.filter(({ name }) => name === "column");
  const whole = columns.map(({ text }) => text);
  const briefly = whole.map((text) => text.replace(/^(\w)\w* (\d+)$/, "$1$2"));
  const width = (/** @type {string} */ text) => LETTER * fontSize * text.replace(/<.*?>/g, "").length;
  for (let [texts, stride] = [whole, 1]; columns.length; [texts, stride] = [briefly, texts === whole ? 1 : stride + 1]) {
    const named = columns.map((_, at) => (columns.length - 1 - at) % stride === 0);
    columns.forEach((column, at) => Object.assign(column, { text: texts[at], visible: named[at], ...(texts === whole ? {} : { hovertext: whole[at] }) }));
    const shown = columns.filter(({ visible }) => visible);
    const fits = shown.slice(1).every(({ x, text }, at) => ((x - shown[at].x) / (range[1] - range[0])) * length >= (width(text) + width(shown[at].text)) / 2 + 0.4 * fontSize);
    if (fits) return;
  }
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

/**
 * Names the zones of a chart that is high enough for marks between their names; in a lower one a mark would lie over them.
 *
 * @param {PlotlyAnnotation[]} annotations Changed in place.
 * @param {number} length Of the vertical axis, in pixels.
 * @param {number} fontSize
 */
export function nameZones(annotations, length, fontSize) {
  for (const zone of annotations.filter(({ name }) => name === "zone")) zone.visible = length >= ZONES * fontSize;
}

/**
 * Moves the names of reference levels into the chart's height, and off each other, from where they stand at their lines.
 *
 * @param {PlotlyAnnotation[]} annotations Changed in place.
 * @param {number[]} range Of the vertical axis.
 * @param {object} room In pixels.
 * @param {number} room.length Of the vertical axis.
 * @param {number} room.above Of the margin above it.
 * @param {number} fontSize
 */
export function placeLevels(annotations, [low, high], { length, above }, fontSize) {
  const levels = annotations
    .filter(({ name, y = NaN }) => name === "level" && y >= low && y <= high)
    .map((mark) => {
      const line = ((high - known(mark.y)) / (high - low)) * length; // from the top of the axis
      const height = mark.text.split("<br>").length * ROW * fontSize + 2;
      return { mark, line, height, top: mark.yanchor === "top" ? line - INTO : line + INTO - height };
    })
    .toSorted((a, b) => a.line - b.line);
  levels.reduceRight((end, level) => (level.top = Math.min(level.top, end - level.height)), length);
  levels.reduce((start, level) => (level.top = Math.max(level.top, start)) + level.height, -above);
  for (const { mark, line, height, top } of levels) mark.yshift = line - top - (mark.yanchor === "top" ? 0 : height);
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
    for (const axis of AXES) if (layout[axis].title?.standoff) layout[axis].title.standoff *= Math.max(1, this.#scale);
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

  /** Of the axes, in pixels. */
  get #lengths() {
    const { l, r, t, b } = this.figure.layout.margin;
    return { xaxis: this.#node.clientWidth - (l + r) * this.#scale, yaxis: this.#node.clientHeight - (t + b) * this.#scale };
  }

  get #fontSize() {
    return this.figure.layout.font.size * this.#scale;
  }

  /**
   * The ticks beside each other for which the chart has room.
   *
   * @param {number[]} range
   */
  steps(range) {
    const { nticks, dtick, tickvals, showticklabels } = this.figure.layout.xaxis;
    if (!(nticks || dtick) || tickvals || showticklabels === false) return {};
    const letters = Math.max(...range.map((end) => Math.round(end).toLocaleString("en").length));
    return { ...fewTicks({ nticks, dtick }, range, this.#lengths.xaxis, (LETTER * letters + BESIDE) * this.#fontSize), tickangle: 0 };
  }

  /**
   * The ticks above each other for which the chart has room: of a log axis's list (1, 1.5, 2, ...), or of those that Plotly finds.
   *
   * @param {number[]} range
   * @returns {{ tickvals?: number[], ticktext?: string[], nticks?: number, dtick?: number }}
   */
  ticks(range) {
    const { tickmode, tickvals, ticktext, nticks, dtick, showticklabels } = this.figure.layout.yaxis;
    if (tickmode === "array") return roomyTicks(known(tickvals), known(ticktext), range, this.#node.clientHeight / (26 * this.#scale));
    return showticklabels === false ? {} : fewTicks({ nticks, dtick }, range, this.#lengths.yaxis, ABOVE * this.#fontSize);
  }

  /**
   * Names the marks of changes, columns, zones and levels, as far as they have room.
   *
   * @param {PlotlyAnnotation[] | undefined} annotations
   * @param {number[]} across What is shown along the horizontal axis.
   * @param {number[]} up And along the vertical one.
   */
  name(annotations = [], across, up) {
    const { xaxis, yaxis: length } = this.#lengths;
    nameMarks(annotations, across, xaxis, this.#fontSize);
    nameColumns(annotations, across, xaxis, this.#fontSize);
    nameZones(annotations, length, this.#fontSize);
    placeLevels(annotations, up, { length, above: this.figure.layout.margin.t * this.#scale }, this.#fontSize);
  }
}

/**
 * @param {PlotlyAxis} axis
 * @param {string} text
 */
export function setTitle({ title }, text) {
  if (title) title.text = text;
}
