// Bundles plotly.js with the kinds of traces that the page's charts have, and gathers the licences of all that goes into it.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const TRACES = ["scatter", "heatmap"]; // core has scatter in any case
const OUT = "../../dashboard/web/plotly";

const { version } = JSON.parse(readFileSync("node_modules/plotly.js/package.json", "utf8"));
const registered = TRACES.map((name) => `require("plotly.js/lib/${name}")`).join(", ");

// Options as in plotly.js' own esbuild-config.js; the style sheet that is left out is that of maps.
const { metafile } = await build({
  stdin: { contents: `require("./arrays.cjs"); module.exports = require("plotly.js/lib/core"); module.exports.register([${registered}]);`, resolveDir: "." },
  bundle: true,
  minify: true,
  metafile: true,
  format: "iife",
  globalName: "Plotly",
  target: "es2016",
  define: { global: "window", "define.amd": "false", "process.env.NODE_DEBUG": "false" },
  alias: { regl: "@plotly/regl", stream: "stream-browserify" },
  loader: { ".css": "empty" },
  legalComments: "none",
  banner: { js: `/*! plotly.js ${version} with ${TRACES.join(", ")}; licences in LICENSES.txt */` },
  outfile: `${OUT}/plotly.min.js`,
});

const [{ inputs }] = Object.values(metafile.outputs);
const used = Object.keys(inputs).filter((file) => inputs[file].bytesInOutput > 0);
const packages = [...new Set(used.flatMap((file) => file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []))].sort();
const licences = packages.map((name) => {
  const folder = `node_modules/${name}`;
  const about = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : `${about.license}, as its package.json says.`;
  return `${name} ${about.version} (${about.license})\n\n${text}\n`;
});
writeFileSync(`${OUT}/LICENSES.txt`, `What is in plotly.min.js, each under its licence.\n\n${licences.join(`\n${"-".repeat(80)}\n\n`)}`);
