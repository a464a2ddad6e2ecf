// The published transformers.js in a real tab runs what is exported in that tab, and writes what our own steered network writes.

import { env, pipeline } from "@huggingface/transformers";
import { beforeAll, describe, expect, test } from "vitest";

import { openNetwork } from "../../src/checkpoints/load.ts";
import { saveOnnx } from "../../src/checkpoints/save-onnx.ts";
import { memoryFiles } from "../../src/core/files.ts";
import type { Files } from "../../src/core/files.ts";
import { quantise } from "../../src/network/quantise.ts";
import { configure } from "../../src/runtime/index.ts";
import { openFolder } from "../../src/runtime/open-folder.ts";

const PROMPT = "Mira was at the park. That day she found";
const MAX_TOKENS = 8;

/** A folder of a site, which cannot be listed there. */
async function downloaded(folder: string): Promise<Files> {
  const site = openFolder(folder);
  const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
  const contents = names.map(async (name) => [name, await site.read(name)] as const);
  return memoryFiles(Object.fromEntries(await Promise.all(contents)), "stories");
}

/** What lies below each folder of /models/. */
let served: Files;
let source: Files;

beforeAll(async () => {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/models/";
  env.useBrowserCache = false;
  env.useWasmCache = false;
  env.fetch = async (address: string | URL) => {
    const path = new URL(address, globalThis.location.href).pathname;
    const name = path.replace(/^\/models\/[^/]+\//, "");
    if (!(await served.exists(name))) return new Response(null, { status: 404 });
    return new Response((await served.read(name)).slice());
  };
  // ONNX Runtime as it lies here, instead of a copy on the web
  delete env.backends.onnx.wasm!.wasmPaths;
  await configure({ device: "wasm", threads: 2 });
  source = await downloaded("/organisms/stories");
});

const steering = {
  interventions: [
    {
      kind: "add",
      site: "blocks.1.resid_post",
      vector: Array.from({ length: 128 }, (_, i) => Math.sin(i)),
      scale: 0.5,
    },
  ],
  strength: 2,
} as const;

describe.each(["wasm", "webgpu"] as const)("on %s", (device) => {
  test.each(["fp32", "q4"] as const)(
    "a steered organism with %s weights continues a text in transformers.js as it does here",
    async (weights) => {
      const net = quantise(await openNetwork(source, { check: false }), { weights });
      const files = memoryFiles({}, "steered");
      const { parity } = await saveOnnx(files, net, { source, ...steering, texts: [PROMPT] });
      expect(parity!.maxAbs).toBeLessThan(1e-4); // float32, logits of order 10
      const [ours] = await net.complete(PROMPT, { maxTokens: MAX_TOKENS, ...steering });
      const [plain] = await net.complete(PROMPT, { maxTokens: MAX_TOKENS });
      expect(ours).not.toBe(plain);
      served = files;
      const generator = await pipeline("text-generation", `${weights}-${device}`, { device });
      const found = await generator(PROMPT, { max_new_tokens: MAX_TOKENS });
      await generator.dispose();
      expect(found).toEqual([{ generated_text: `${PROMPT} ${ours!}` }]);
    },
  );
});
