// `npm run bench -- SUITE`: compiles bench/ against the built package and runs one suite.
// The compiled files stay inside the repository, where `import "patchclamp"` finds this very package.

import fs from "node:fs";
import path from "node:path";

import { bootstrap } from "./bootstrap.mjs";
import { main, pass, root, SetupError, tool } from "./process.mjs";

await main(async () => {
  await bootstrap();
  const compiled = path.join(root, ".cache", "bench-js");
  fs.rmSync(compiled, { recursive: true, force: true });
  const result = await tool("typescript", "tsc", ["-p", "bench/tsconfig.json"]);
  if (result.code !== 0) {
    throw new SetupError(`bench/ does not compile. The compiler says:\n${result.output.trimEnd()}`);
  }
  // Collecting garbage between runs keeps one side's rubbish out of the other side's times.
  const run = path.join(compiled, "bench", "run.js");
  return pass(process.execPath, ["--expose-gc", run, ...process.argv.slice(2)]);
});
