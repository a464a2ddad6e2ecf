// Runs `run.ts` from its source in a process of its own.

import { fileURLToPath } from "node:url";

import { createViteServer } from "vitest/node";

const server = await createViteServer({
  configFile: false,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  logLevel: "silent",
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
  optimizeDeps: { noDiscovery: true },
  appType: "custom",
  resolve: {
    alias: { "#engine": fileURLToPath(new URL("../../src/runtime/node.ts", import.meta.url)) },
  },
});
const { main } = await server.ssrLoadModule("/test/resume/run.ts");
await main(process.argv[2]);
await server.close();
