// `npm run demo`: from a fresh clone to a steered network.

import path from "node:path";

import { bootstrap } from "./bootstrap.mjs";
import { main, pass, root } from "./process.mjs";

await main(async () => {
  await bootstrap();
  const program = path.join(root, "dist", "cli", "main.js");
  return pass(process.execPath, [program, "demo", ...process.argv.slice(2)]);
});
