// How a chart looks as a picture that is saved.

// An image knows the fonts of the system alone: in the page's own one, Plotly would measure a legend that is drawn in another.
const FONT = "Arial, Helvetica, sans-serif";
const MARKS_PX = 16; // below the legend, for the names of marks above the axes

/**
 * A chart's layout with its title and Plotly's own legend below it, however many rows that takes, on the page's colour.
 *
 * @param {PlotlyLayout} layout
 * @param {string} title
 * @returns {PlotlyLayout}
 */
export function pictureLayout(layout, title) {
  const { font, margin, meta } = layout;
  return {
    ...structuredClone(layout),
    font: { ...font, family: FONT },
    showlegend: true,
    // From a place of the picture, not of the axes: Plotly then moves the axes down below all of its rows. Its border is nothing but room.
    legend: { ...layout.legend, xref: "container", x: 0.01, yref: "container", y: 0.945, yanchor: "top", borderwidth: MARKS_PX, bordercolor: "rgba(0, 0, 0, 0)" },
    paper_bgcolor: meta.palette.page,
    plot_bgcolor: meta.palette.page,
    title: { text: title, x: 0.02, xanchor: "left", y: 0.97, yanchor: "top" },
    margin: { ...margin, t: 90, b: margin.b + 10, l: margin.l + 16 },
  };
}
