// `npm run families`: writes docs/families.md from the golden checkpoints.

import { bootstrapPackages } from "./bootstrap.mjs";
import { main, tool } from "./process.mjs";

await main(async () => {
  await bootstrapPackages();
  process.env["PATCHCLAMP_WRITE_FAMILIES"] = "1";
  const { code, output } = await tool("vitest", "vitest", [
    "run",
    "--project=node",
    "test/families-doc.test.ts",
  ]);
  process.stdout.write(output);
  if (code !== 0) return code;
  return (await tool("oxfmt", "oxfmt", ["docs/families.md"])).code;
});
