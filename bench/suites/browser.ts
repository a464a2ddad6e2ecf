// In a tab: what it costs to see inside a model, beside transformers.js that runs it.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { chromium } from "playwright";
import type { Browser, Page } from "playwright";
import { createViteServer } from "vitest/node";

import type { CaptureTask } from "../browser/capture.ts";
import type { Contest, Side } from "../harness.ts";
import { root, THREADS } from "../machine.ts";
import { writeBert } from "../ours/onnx.ts";
import type { BertShape } from "../ours/onnx.ts";
import type { Suite } from "../run.ts";
import { prompt } from "../weights.ts";

/** As all-MiniLM-L6 has it, which many pages run. */
const MINI: BertShape = {
  layers: 6,
  width: 384,
  heads: 12,
  hidden: 1536,
  vocabulary: 30522,
  context: 512,
};
const POS = 64;
const SITE = "blocks.2.resid_post";
const FOLDER = "bert-mini";

/** The suite `browser`. */
export function browser(): Suite {
  return {
    entries: [
      {
        name: "capture-onnx",
        unit: "ms",
        bar: "at most 1.15x its time",
        target: 1 / 1.15,
        tolerance: 1e-4,
        prepare: captureOnnx,
      },
    ],
  };
}

/** One hidden state and the output, beside the output alone. */
async function captureOnnx(): Promise<Contest> {
  const models = path.join(root, ".cache", "bench-onnx");
  const folder = path.join(models, FOLDER);
  writeBert(path.join(folder, "onnx", "model.onnx"), MINI);
  mkdirSync(folder, { recursive: true });
  const config = { model_type: "bert", architectures: ["BertModel"], vocab_size: MINI.vocabulary };
  writeFileSync(path.join(folder, "config.json"), JSON.stringify(config));
  const task: CaptureTask = {
    root: "/.cache/bench-onnx/",
    folder: FOLDER,
    site: SITE,
    ids: prompt("clean", POS, MINI.vocabulary),
    threads: THREADS,
  };
  const { page, close } = await openPage("bench/browser/index.html");
  await page.waitForFunction(() => globalThis.capturePage !== undefined);
  await page.evaluate((given) => globalThis.capturePage!.load(given), task);
  const ours: Side = () => page.evaluate(() => globalThis.capturePage!.ours());
  const peer: Side = () => page.evaluate(() => globalThis.capturePage!.peer());
  return { ours, peer, peerName: "transformers.js, WebAssembly", close };
}

/** A page of this repository in Chromium, with threads. */
async function openPage(file: string): Promise<{ page: Page; close: () => Promise<void> }> {
  const dist = (name: string): string => path.join(root, "dist", name);
  const server = await createViteServer({
    root,
    configFile: false,
    logLevel: "error",
    resolve: {
      alias: [
        { find: /^patchclamp$/, replacement: dist("index.js") },
        { find: "#engine", replacement: dist("runtime/web.js") },
      ],
    },
    optimizeDeps: { exclude: ["onnxruntime-web", "@huggingface/transformers"] },
    server: {
      host: "127.0.0.1",
      port: 0,
      // WebAssembly threads need SharedArrayBuffer, which needs these two
      headers: {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      },
    },
  });
  await server.listen();
  let tab: Browser | undefined;
  const close = async (): Promise<void> => {
    await tab?.close();
    await server.close();
  };
  try {
    const executablePath = await chromiumPath();
    tab = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    const page = await tab.newPage();
    await page.goto(new URL(file, server.resolvedUrls!.local[0]).href);
    return { page, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws Error when this computer has none */
async function chromiumPath(): Promise<string> {
  const script = path.join(root, "scripts", "chromium.mjs");
  const { findChromium } = (await import(script)) as { findChromium: () => string | undefined };
  const found = findChromium();
  if (found === undefined) throw new Error("there is no Chromium here; name one in CHROME_PATH");
  return found;
}
