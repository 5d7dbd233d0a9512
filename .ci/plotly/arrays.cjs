// plotly.js asks at every redraw, for every trace, which of its attributes hold a value for each point, and crawls through all that such a trace could
// have: half of what a redraw takes. What could hold them is a matter of the kind of trace, and is crawled for once.

const schema = require("plotly.js/src/plot_api/plot_schema");
const ofAll = require("plotly.js/src/plots/attributes");
const { isArrayOrTypedArray } = require("plotly.js/src/lib/array");
const isPlainObject = require("plotly.js/src/lib/is_plain_object");

const known = new Map(); // from all attributes to those that may hold an array

/** Where arrays may stand: each a path of names, and at which of them a list of containers does. */
function places(attributes) {
  if (known.has(attributes)) return known.get(attributes);
  const found = [];
  let names = [];
  let lists = [];
  schema.crawl(attributes, (attribute, name, _, level) => {
    names = [...names.slice(0, level), name];
    lists = [...lists.slice(0, level), Boolean(attribute?._isLinkedToArray)];
    const isOfAxis = names[level - 1] === "colorbar" && (name === "ticktext" || name === "tickvals");
    if ((attribute?.valType === "data_array" || attribute?.arrayOk === true) && !isOfAxis) found.push({ names, lists });
  });
  known.set(attributes, found);
  return found;
}

function collect(container, place, depth, before, found) {
  const item = container[place.names[depth]];
  if (item === undefined) return;
  const path = before + place.names[depth];
  if (depth === place.names.length - 1) {
    if (isArrayOrTypedArray(item)) found.push(path);
  } else if (place.lists[depth]) {
    if (Array.isArray(item)) item.forEach((each, at) => isPlainObject(each) && collect(each, place, depth + 1, `${path}[${at}].`, found));
  } else if (isPlainObject(item)) {
    collect(item, place, depth + 1, `${path}.`, found);
  }
}

schema.findArrayAttributes = (trace) => {
  const found = [];
  for (const attributes of [ofAll, trace._module?.attributes]) {
    if (attributes) for (const place of places(attributes)) collect(trace, place, 0, "", found);
  }
  return found;
};
