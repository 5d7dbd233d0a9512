import assert from "node:assert/strict";
import { test } from "node:test";
import { rootOf } from "../../dashboard/web/common/place.js";

test("a server's paths lie below whatever stands before its scripts", () => {
  const page = "http://elsewhere/";
  assert.equal(rootOf("http://here:8501/maml/web/at/0a1b/common/place.js", page), "http://here:8501/");
  assert.equal(rootOf("https://hub.example/user/ada/proxy/8501/maml/web/common/place.js", page), "https://hub.example/user/ada/proxy/8501/");
  assert.equal(rootOf("https://here/maml/web/class/maml/web/at/0a1b/common/place.js", page), "https://here/maml/web/class/");
  assert.equal(rootOf("file:///somewhere/dashboard/web/common/place.js", page), page);
});
