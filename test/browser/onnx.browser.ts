// An ONNX file that a user picks, in a real tab: looked into, differentiated, steered, saved, and run by onnxruntime-web as it was saved.

import * as ort from "onnxruntime-web/webgpu";
import { beforeAll, describe, expect, test } from "vitest";

import { bakeOnnx } from "../../src/checkpoints/bake-onnx.ts";
import { openOnnx } from "../../src/checkpoints/open-onnx.ts";
import { directoryFiles, pickedFiles } from "../../src/checkpoints/picked-files.ts";
import type { Files } from "../../src/core/files.ts";
import type { OnnxNetwork } from "../../src/network/onnx/onnx-network.ts";
import { surgery } from "../../src/onnx/surgery/index.ts";
import { configure } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/runtime/index.ts";
import { fromHost } from "../../src/tensor/leaf.ts";
import { exportFiles, openExport } from "../golden/onnx/exports.ts";
import type { Export } from "../golden/onnx/exports.ts";
import { difference } from "../golden/read.ts";
import type { Values } from "../golden/read.ts";

// of the largest number, or of 1: WebGPU sums in another order and its exp and tanh are less exact than those of a CPU
const MAX_SHARE = { wasm: 1e-4, webgpu: 1e-3 } as const;

/** A file as `<input type="file">` gives it, opened, and what PyTorch makes of its model. */
async function pick(
  name: string,
): Promise<Omit<Export, "network"> & { files: Files; network: OnnxNetwork }> {
  const { given, wanted } = await openExport(name);
  const bytes = await exportFiles.read(`${name}.onnx`);
  const files = pickedFiles([new File([new Uint8Array(bytes)], "model.onnx")]);
  return {
    given,
    wanted,
    files,
    network: await openOnnx(files, "model.onnx", { example: given }),
  };
}

function leaf({ data, shape }: Values): Tensor {
  return fromHost(data, { shape, dtype: "float32" });
}

async function wrong(site: string, got: Tensor, want: Values, share: number): Promise<string[]> {
  const data = (await got.data()) as Float32Array;
  const { maxAbs } = difference(site, { shape: got.shape, data }, want);
  const largest = want.data.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  return maxAbs <= share * largest ? [] : [`${site}: off by ${maxAbs / largest}`];
}

describe.each(["wasm", "webgpu"] as const)("on %s", (device) => {
  beforeAll(async () => configure({ device, threads: device === "wasm" ? 2 : 1 }));

  test.each(["bert-script", "gpt2-dynamo", "llama-past-dynamo", "vit-script"])(
    "%s: its sites are listed, and the hidden states captured at them are PyTorch's",
    async (name) => {
      const { network, given, wanted } = await pick(name);
      const listed = new Set(network.sites().map((site) => site.name));
      const sites = [...wanted].filter(([site]) => /^blocks\.\d\.resid_(?:mid|post)$/.test(site));
      expect(sites.length).toBeGreaterThan(1);
      for (const [site] of sites) expect(listed).toContain(site);
      const pass = await network.run(given, { capture: sites.map(([site]) => site) });
      for (const [site, want] of sites)
        expect(await wrong(site, pass.at(site), want, MAX_SHARE[device])).toEqual([]);
    },
  );

  test("gradients are those of autograd", async () => {
    const { network, given, wanted } = await pick("gpt2-script");
    const site = "blocks.0.resid_post";
    const weight = leaf(wanted.get("weight")!);
    const of = (pass: { readonly logits: Tensor }): Tensor => pass.logits.mul(weight).sum();
    const { grads } = await network.grad(given, { of, at: site });
    const want = wanted.get(`grad/${site}`)!;
    expect(await wrong(site, grads[site]!, want, MAX_SHARE[device])).toEqual([]);
  });

  test("a file that was steered and saved gives in onnxruntime-web what a hook in PyTorch gives", async () => {
    const { network, files, given, wanted } = await pick("gpt2-script");
    const [vector, want] = [wanted.get("steer")!, wanted.get("steered")!];
    const model = await surgery({ files, path: "model.onnx" });
    const baked = bakeOnnx(model, network, [
      { kind: "add", site: "blocks.0.resid_post", vector: vector.data },
    ]);
    const root = directoryFiles(await navigator.storage.getDirectory());
    const path = `steered-${device}.onnx`;
    await baked.save(root, path);
    const session = await ort.InferenceSession.create(await root.read(path), {
      executionProviders: [device],
      logSeverityLevel: 3,
    });
    const feeds: Record<string, ort.Tensor> = {};
    for (const [name, x] of Object.entries(network.definition.prepare(given)))
      feeds[name] = new ort.Tensor("int64", (await x.data()) as BigInt64Array, x.shape);
    const { logits } = await session.run(feeds);
    const got = fromHost((await logits!.getData()) as Float32Array, {
      shape: logits!.dims,
      dtype: "float32",
    });
    expect(await wrong("logits", got, want, MAX_SHARE[device])).toEqual([]);
    await session.release();
  });
});
