// Drawing on a canvas in CSS pixels: sharp on every screen, in the page's own type and the charts' colours.

import { known } from "../common/dom.js";

/** @import { Palette } from "../common/protocol.js" */

/**
 * How a text is written: in the page's own colour and size, from its left end, unless it says otherwise.
 *
 * @typedef {object} Style
 * @property {string} [color]
 * @property {number} [size]
 * @property {number} [weight]
 * @property {"left" | "center" | "right"} [align] Which of its ends stands at x.
 */

/**
 * What draws on a canvas.
 *
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D}
 */
export const context2d = (canvas) => known(canvas.getContext("2d"));

/**
 * The letter of a class, from its number; "?" for one that nobody knows.
 *
 * @param {number} label
 */
export const letter = (label) => (label < 0 ? "?" : String.fromCharCode(65 + label));

export class Pen {
  context;
  width;
  height;
  colors;
  size;
  #ratio;
  #family;

  /**
   * Takes a canvas over, sized to its parent.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {object} look
   * @param {Palette} look.colors
   * @param {number} look.size Of the text, in pixels.
   */
  constructor(canvas, { colors, size }) {
    const box = known(canvas.parentElement);
    const ratio = window.devicePixelRatio || 1;
    this.width = box.clientWidth;
    this.height = box.clientHeight;
    this.#ratio = ratio;
    this.colors = colors;
    this.size = size;
    this.#family = getComputedStyle(box).fontFamily;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    this.context = context2d(canvas);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   * @param {string} color
   * @param {number} [opacity]
   */
  rect(x, y, width, height, color, opacity = 1) {
    this.context.globalAlpha = opacity;
    this.context.fillStyle = color;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  /**
   * Single pixels where they are large enough to be seen as such, and smooth below that.
   *
   * @param {HTMLCanvasElement} canvas
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   * @param {[number, number, number, number]} [part] Of the canvas, as x, y, width and height; all of it where none is given.
   */
  picture(canvas, x, y, width, height, part = [0, 0, canvas.width, canvas.height]) {
    this.context.imageSmoothingEnabled = width * this.#ratio < 2 * part[2];
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(canvas, ...part, x, y, width, height);
  }

  /**
   * A frame that lies inside its rectangle.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   * @param {string} color
   * @param {number} [thick]
   */
  frame(x, y, width, height, color, thick = 1) {
    this.context.strokeStyle = color;
    this.context.lineWidth = thick;
    this.context.strokeRect(x + thick / 2, y + thick / 2, width - thick, height - thick);
  }

  /**
   * @param {number} x1
   * @param {number} y1
   * @param {number} x2
   * @param {number} y2
   * @param {string} color
   * @param {number} [thick]
   */
  line(x1, y1, x2, y2, color, thick = 1) {
    this.context.strokeStyle = color;
    this.context.lineWidth = thick;
    this.context.beginPath();
    this.context.moveTo(x1, y1);
    this.context.lineTo(x2, y2);
    this.context.stroke();
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   * @param {string} color
   */
  dot(x, y, radius, color) {
    this.context.fillStyle = color;
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.fill();
  }

  /**
   * Text around the height `y`; `θ_1` gets its index as a subscript. Returns its width.
   *
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {Style} [style]
   */
  text(text, x, y, { color = this.colors.text, size = this.size, weight = 400, align = "left" } = {}) {
    const parts = text.split(/(?<=θ)_(\w+)/);
    const fonts = parts.map((_, i) => `${weight} ${i % 2 ? 0.72 * size : size}px ${this.#family}`);
    const { context } = this;
    const widths = parts.map((part, i) => ((context.font = fonts[i]), context.measureText(part).width));
    const width = widths.reduce((sum, part) => sum + part, 0);
    let at = x - (align === "center" ? width / 2 : align === "right" ? width : 0);
    context.fillStyle = color;
    context.textBaseline = "middle";
    context.textAlign = "left";
    parts.forEach((part, i) => {
      context.font = fonts[i];
      context.fillText(part, at, y + (i % 2 ? 0.28 * size : 0.06 * size));
      at += widths[i];
    });
    return width;
  }

  /**
   * The first of these texts that is no wider than there is room, or else the last.
   *
   * @param {string[]} texts
   * @param {number} room
   * @param {Style} style
   */
  fitting(texts, room, { size = this.size, weight = 400 }) {
    this.context.font = `${weight} ${size}px ${this.#family}`;
    return texts.find((text) => this.context.measureText(text).width <= room) ?? texts[texts.length - 1];
  }

  /**
   * A class's letter in the colour of the page on the class's colour.
   *
   * @param {number} label
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  chip(label, x, y, width, height) {
    const { context } = this;
    context.fillStyle = this.colorOf(label);
    context.beginPath();
    context.roundRect(x, y, width, height, Math.min(3, height / 4));
    context.fill();
    const size = Math.min(this.size, 0.86 * height, 1.2 * width);
    this.text(letter(label), x + width / 2, y + height / 2, { color: this.colors.page, size, weight: 700, align: "center" });
  }

  /**
   * A cross that is seen on any colour.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} size
   */
  cross(x, y, size) {
    const { context } = this;
    context.lineCap = "round";
    for (const [color, share] of /** @type {const} */ ([["page", 0.46], ["text", 0.24]])) {
      this.line(x, y, x + size, y + size, this.colors[color], share * size);
      this.line(x, y + size, x + size, y, this.colors[color], share * size);
    }
    context.lineCap = "butt";
  }

  /** @param {number} label */
  colorOf(label) {
    return label < 0 ? this.colors.muted : this.colors.classes[label % this.colors.classes.length];
  }
}

/**
 * A hex colour as [red, green, blue], 0..255.
 *
 * @param {string} hex
 */
export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
