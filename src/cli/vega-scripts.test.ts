import { runInThisContext } from "node:vm";

import { expect, test } from "vitest";

import { vegaScripts } from "./vega-scripts.ts";

test("run in their order, the scripts define vega, vegaLite and vegaEmbed", async () => {
  for (const source of await vegaScripts()) runInThisContext(source);
  expect(globalThis).toMatchObject({
    vega: { version: expect.stringMatching(/^6\./) },
    vegaLite: { version: expect.stringMatching(/^6\./) },
    vegaEmbed: expect.any(Function),
  });
});
