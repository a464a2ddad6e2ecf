// Runs in a tab: one hidden state captured here, and the plain forward of transformers.js, over the same file on WebAssembly.

import { AutoModel, env, Tensor } from "@huggingface/transformers";
import { configure, loadOnnx } from "patchclamp";

import type { Sample } from "../harness.ts";

/** What the program outside asks of the page. */
export interface CapturePage {
  /**
   * Loads the model in both.
   *
   * @param folder - its URL below the site, in the layout of transformers.js
   */
  readonly load: (task: CaptureTask) => Promise<void>;
  readonly ours: () => Promise<Sample>;
  readonly peer: () => Promise<Sample>;
}

export interface CaptureTask {
  readonly root: string;
  readonly folder: string;
  readonly site: string;
  readonly ids: readonly number[];
  readonly threads: number;
}

declare global {
  var capturePage: CapturePage | undefined;
}

let sides: Pick<CapturePage, "ours" | "peer"> | undefined;

/** The numbers that prove the work to be the same: the last hidden states of some positions. */
const some = (data: ArrayLike<number>): number[] => Array.from(data).slice(-64);

async function load({ root, folder, site, ids, threads }: CaptureTask): Promise<void> {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = root;
  env.useBrowserCache = false;
  env.useWasmCache = false;
  const wasm = env.backends.onnx.wasm!;
  wasm.numThreads = threads;
  // ONNX Runtime as it lies here, instead of a copy on the web
  delete wasm.wasmPaths;
  const model = await AutoModel.from_pretrained(folder, { device: "wasm", dtype: "fp32" });
  const row = (values: readonly number[]): Tensor =>
    new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
  const feeds = {
    input_ids: row(ids),
    attention_mask: row(ids.map(() => 1)),
    token_type_ids: row(ids.map(() => 0)),
  };
  await configure({ device: "wasm", threads });
  const net = await loadOnnx(`${root}${folder}/onnx/model.onnx`, { weights: "fp32-prepacked" });
  sides = {
    ours: async () => {
      const start = performance.now();
      const pass = await net.run({ input_ids: [[...ids]] }, { capture: [site, net.output] });
      const data = await pass.at(net.output).numbers();
      await pass.at(site).numbers();
      return { value: performance.now() - start, result: some(data) };
    },
    peer: async () => {
      const start = performance.now();
      const { last_hidden_state: hidden } = (await model(feeds)) as Record<string, Tensor>;
      const data = hidden!.data as Float32Array;
      return { value: performance.now() - start, result: some(data) };
    },
  };
}

globalThis.capturePage = {
  load,
  ours: () => sides!.ours(),
  peer: () => sides!.peer(),
};
