// `node scripts/onnx-doc.mjs`: writes the list of refused ONNX cases and docs/onnx.md.

import { bootstrapPackages } from "./bootstrap.mjs";
import { main, tool } from "./process.mjs";

await main(async () => {
  await bootstrapPackages();
  process.env["PATCHCLAMP_WRITE_ONNX"] = "1";
  // the page is made from the list
  for (const file of ["test/onnx-nodes.test.ts", "test/onnx-doc.test.ts"]) {
    const { code, output } = await tool("vitest", "vitest", ["run", "--project=node", file]);
    process.stdout.write(output);
    if (code !== 0) return code;
  }
  return (await tool("oxfmt", "oxfmt", ["docs/onnx.md"])).code;
});
