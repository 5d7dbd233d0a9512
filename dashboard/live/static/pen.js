// Drawing on a canvas in CSS pixels: sharp on every screen, in the page's own type and the charts' colours.

export const letter = (label) => (label < 0 ? "?" : String.fromCharCode(65 + label));

export class Pen {
  context;
  width = 0;
  height = 0;
  colors;
  size;
  #family;

  /** Takes a canvas over, sized to its parent; `size` is that of the text in pixels. */
  constructor(canvas, { colors, size }) {
    const box = canvas.parentElement;
    const ratio = window.devicePixelRatio || 1;
    this.width = box.clientWidth;
    this.height = box.clientHeight;
    this.ratio = ratio;
    this.colors = colors;
    this.size = size;
    this.#family = getComputedStyle(box).fontFamily;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    this.context = canvas.getContext("2d");
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
  }

  rect(x, y, width, height, color, opacity = 1) {
    this.context.globalAlpha = opacity;
    this.context.fillStyle = color;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  /** Single pixels where they are large enough to be seen as such, and smooth below that; `part` of the picture, or all of it. */
  picture(canvas, x, y, width, height, part = [0, 0, canvas.width, canvas.height]) {
    this.context.imageSmoothingEnabled = width * this.ratio < 2 * part[2];
    this.context.imageSmoothingQuality = "high";
    this.context.drawImage(canvas, ...part, x, y, width, height);
  }

  /** A frame that lies inside its rectangle. */
  frame(x, y, width, height, color, thick = 1) {
    this.context.strokeStyle = color;
    this.context.lineWidth = thick;
    this.context.strokeRect(x + thick / 2, y + thick / 2, width - thick, height - thick);
  }

  line(x1, y1, x2, y2, color, thick = 1) {
    this.context.strokeStyle = color;
    this.context.lineWidth = thick;
    this.context.beginPath();
    this.context.moveTo(x1, y1);
    this.context.lineTo(x2, y2);
    this.context.stroke();
  }

  dot(x, y, radius, color) {
    this.context.fillStyle = color;
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.fill();
  }

  /** Text around the height `y`; `θ_1` gets its index as a subscript. Returns its width. */
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

  /** A class's letter in the colour of the page on the class's colour. */
  chip(label, x, y, width, height) {
    const { context } = this;
    context.fillStyle = this.colorOf(label);
    context.beginPath();
    context.roundRect(x, y, width, height, Math.min(3, height / 4));
    context.fill();
    const size = Math.min(this.size, 0.86 * height, 1.2 * width);
    this.text(letter(label), x + width / 2, y + height / 2, { color: this.colors.page, size, weight: 700, align: "center" });
  }

  /** A cross that is seen on any colour. */
  cross(x, y, size) {
    const { context } = this;
    for (const [color, thick] of [[this.colors.page, 0.46 * size], [this.colors.text, 0.24 * size]]) {
      context.lineCap = "round";
      this.line(x, y, x + size, y + size, color, thick);
      this.line(x, y + size, x + size, y, color, thick);
    }
    context.lineCap = "butt";
  }

  colorOf(label) {
    return label < 0 ? this.colors.muted : this.colors.classes[label % this.colors.classes.length];
  }
}

/** A hex colour as [red, green, blue], 0..255. */
export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
