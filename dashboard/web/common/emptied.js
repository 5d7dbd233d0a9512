// Why a trace that has lost its points is not animated.

/**
 * Whether a trace that is drawn has no points any more. Plotly's animation leaves what it drew of one, and where no other trace of the frame
 * has points it takes all lines and markers off the chart: such a trace needs `restyle`, or a drawing of the whole.
 *
 * @param {{ x?: ArrayLike<unknown> }} drawn
 * @param {{ x?: ArrayLike<unknown> }} numbers That it gets.
 */
export const isEmptied = (drawn, numbers) => Boolean(drawn.x?.length) && !numbers.x?.length;
