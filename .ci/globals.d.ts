// What stands on `window` beside the browser's own, and of Plotly what the page uses.

/** What Plotly takes for coordinates. */
type PlotlyNumbers = ArrayLike<number | null>;

interface PlotlyAxis {
  type?: string;
  range: number[];
  title?: { text?: string; font: { size: number }; standoff?: number };
  tickmode?: string;
  tickvals?: number[];
  ticktext?: string[];
  nticks?: number;
  dtick?: number;
  showticklabels?: boolean;
  tickangle?: number;
}

/** A line with a name, such as the mark of a change. */
interface PlotlyAnnotation {
  name?: string;
  text: string;
  hovertext?: string;
  x: number;
  y?: number;
  xanchor?: string;
  yanchor?: string;
  yshift?: number;
  visible?: boolean;
}

/** Beside what is named here Plotly knows more, which the server writes and the page hands on. */
interface PlotlyLayout {
  font: { family?: string; size: number; color?: string };
  margin: { l: number; r: number; t: number; b: number };
  xaxis: PlotlyAxis;
  yaxis: PlotlyAxis;
  coloraxis?: { cmin?: number; cmax?: number };
  annotations?: PlotlyAnnotation[];
  selections?: object[];
  title?: { text: string; x: number; xanchor: string; y: number; yanchor: string };
  showlegend?: boolean;
  legend?: object;
  paper_bgcolor?: string;
  plot_bgcolor?: string;
  width?: number;
  height?: number;
  datarevision?: number;
  uirevision?: string;
  /** Ours: what the card shows. */
  meta: import("../dashboard/web/common/protocol.js").Meta;
}

interface PlotlyLine {
  color: string;
  width: number;
  dash?: string;
}

interface PlotlyMarker {
  color: string;
  size: number;
  symbol?: string;
  /** Where numbers are coloured: from 0 to 1. */
  colorscale?: [number, string][];
  line?: { color: string; width: number };
}

/** One of Plotly's traces. */
interface PlotlyTrace {
  hoverinfo?: string;
  type?: string;
  name?: string;
  mode?: string;
  x?: PlotlyNumbers;
  y?: PlotlyNumbers;
  z?: (number | null)[][];
  text?: string[];
  customdata?: PlotlyNumbers;
  opacity?: number;
  visible?: boolean;
  showlegend?: boolean;
  legendgroup?: string;
  line?: PlotlyLine;
  marker?: PlotlyMarker;
  fill?: string;
  fillcolor?: string;
  error_y?: { array?: PlotlyNumbers; arrayminus?: PlotlyNumbers };
  selectedpoints?: number[] | null;
  /** Ours: "not data" for what no table shows, "once there" for what the legend names only while it has points. */
  meta?: string;
}

/** A point that was clicked, or that a box encloses. */
interface PlotlyPoint {
  data: PlotlyTrace;
  fullData?: { hoverinfo?: string };
  curveNumber: number;
  x?: number | string;
  pointNumber?: number;
  pointIndex?: number;
}

interface PlotlyEvents {
  plotly_click: { points: PlotlyPoint[]; event: MouseEvent };
  /** Nothing where a selection was taken back. */
  plotly_selected: { points: PlotlyPoint[]; range?: { x?: [number, number]; y?: [number, number] } } | undefined;
  plotly_hover: { points: PlotlyPoint[]; event: MouseEvent };
  plotly_unhover: unknown;
  plotly_relayout: Record<string, unknown>;
  plotly_doubleclick: unknown;
}

/** An element that Plotly has drawn in; before that it has none of these. */
interface PlotlyNode extends HTMLElement {
  data: PlotlyTrace[];
  layout: PlotlyLayout;
  _fullLayout?: { _size?: { w: number } };
  on<Name extends keyof PlotlyEvents>(event: Name, action: (event: PlotlyEvents[Name]) => void): void;
}

/** Plotly, of which the page calls these; figures come from the server as JSON (`dashboard/charts`). */
interface Plotly {
  newPlot(node: HTMLElement, data: object[], layout: object, config?: object): Promise<unknown>;
  react(node: HTMLElement, data: object[], layout: object, config?: object): Promise<unknown>;
  update(node: HTMLElement, data: object, layout: object, traces: number[]): Promise<unknown>;
  restyle(node: HTMLElement, data: object, traces: number[]): Promise<unknown>;
  relayout(node: HTMLElement, layout: object): Promise<unknown>;
  animate(node: HTMLElement, frame: { data: object[]; traces: number[] }, options: object): Promise<unknown>;
  toImage(figure: { data: object[]; layout: object }, options: { format: string; width: number; height: number; scale: number }): Promise<string>;
  Plots: { resize(node: HTMLElement): Promise<unknown> };
}

/** A light or a dark page, as its reader chose. */
interface Scheme {
  /** `light` or `dark`; null for what the system has. */
  readonly chosen: string | null;
  readonly dark: boolean;
  choose(scheme: string | null): void;
}

interface Window {
  /** Where the page's server is, seen from whoever reads the page; the document says so. */
  mamlRoot?: string;
  Plotly?: Plotly;
  /** Made by `common/scheme.js`, which stands in the document itself. */
  mamlScheme?: Scheme;
  /** Streamlit's own connection, the newest; `common/stream.js` keeps hold of it. */
  mamlStream?: WebSocket;
  /** For tests and the benchmark of the live page. */
  mamlLive: {
    frames: number;
    drawn: Record<string, number>;
    lastFrame: import("../dashboard/web/live/protocol.js").LiveFrame | null;
    lastStep: number | null;
    log: { t: number; event: string; frame: number; change: number | null }[];
    config?: import("../dashboard/web/common/protocol.js").Config;
    /** Whether a chart has something new that is not on the screen yet. */
    readonly waiting?: boolean;
  };
  /** For tests and the benchmark of the sensitivity screen. */
  mamlSweeps: { frames: number; drawn: number; log: { t: number; count: unknown }[] };
}
