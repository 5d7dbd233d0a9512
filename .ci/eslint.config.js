// What is no style but a mistake, in the page's JavaScript and in its tests.

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/node_modules/", "**/.venv/", "**/*.min.js"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-shadow-restricted-names": "error",
      "no-implicit-globals": "error",
      "max-lines": ["error", { max: 500 }],
    },
  },
  { files: ["dashboard/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/**/*.js", ".ci/*.js"], languageOptions: { globals: globals.node } },
];
