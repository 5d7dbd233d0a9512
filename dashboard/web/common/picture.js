// How a chart looks as a picture that is saved.

/**
 * A chart's layout with its title and Plotly's own legend, on the page's colour.
 *
 * @param {PlotlyLayout} layout
 * @param {string} title
 * @param {number} top Margin for the title and the legend, in pixels.
 * @returns {PlotlyLayout}
 */
export function pictureLayout(layout, title, top) {
  const { margin, meta } = layout;
  return {
    ...structuredClone(layout),
    showlegend: true,
    paper_bgcolor: meta.palette.page,
    plot_bgcolor: meta.palette.page,
    title: { text: title, x: 0.02, xanchor: "left", y: 0.97, yanchor: "top" },
    margin: { ...margin, t: top, b: margin.b + 10, l: margin.l + 16 },
  };
}
