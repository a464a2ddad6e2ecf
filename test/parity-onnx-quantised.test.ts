// Exports with weights of few bits, made by onnxruntime's own tools (test/golden/onnx/quantised/make.py), against what it makes of them
// and against gradients of the exports before, by PyTorch.

import { expect, test } from "vitest";

import { openOnnx } from "../src/checkpoints/open-onnx.ts";
import { readSafetensors } from "../src/checkpoints/safetensors.ts";
import type { OnnxNetwork } from "../src/network/onnx/onnx-network.ts";
import { full } from "../src/runtime/index.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { openFolder } from "../src/runtime/open-folder.ts";
import { fromHost } from "../src/tensor/leaf.ts";
import { exportFiles } from "./golden/onnx/exports.ts";

const files = openFolder(new URL("golden/onnx/quantised", import.meta.url).href);
const { tensors: outputs } = await readSafetensors(files, "outputs.safetensors");
const names = [...outputs.keys()];

async function open(name: string): Promise<OnnxNetwork> {
  const isImage = /^(?:vit|resnet)-/.test(name);
  const example = isImage ? { pixel_values: full([1, 3, 16, 16], 0, "float32") } : undefined;
  return openOnnx(files, `${name}.onnx`, { name, example });
}

/** What goes into a model, `in/NAME`, and what PyTorch makes of it. */
async function reference(name: string): Promise<ReadonlyMap<string, Tensor>> {
  const [model] = name.split("-");
  const { tensors } = await readSafetensors(exportFiles, `${model}.safetensors`);
  const all = new Map<string, Tensor>();
  for (const [key, { data, shape }] of tensors) {
    const values = await data();
    const dtype = values instanceof BigInt64Array ? "int64" : "float32";
    all.set(key, fromHost(values, { shape, dtype }));
  }
  return all;
}

function inputsOf(all: ReadonlyMap<string, Tensor>): Record<string, Tensor> {
  const inputs = [...all].filter(([key]) => key.startsWith("in/"));
  return Object.fromEntries(inputs.map(([key, x]) => [key.slice("in/".length), x]));
}

test.each(names)("%s gives what onnxruntime makes of it", async (name) => {
  const network = await open(name);
  const pass = await network.run(inputsOf(await reference(name)));
  const output = pass.at(network.output);
  const { shape, data } = outputs.get(name)!;
  expect(output.shape).toEqual(shape);
  const [want, got] = [(await data()) as Float32Array, await output.numbers()];
  const scale = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const off = want.reduce((most, x, i) => Math.max(most, Math.abs(x - got[i]!)), 0);
  // float32, sums in another order; one number that is rounded the other way is 100 times as much
  expect(off / scale).toBeLessThan(1e-5);
});

/** How near gradients are to those before weights were rounded, as a cosine: by bits, and fewer where ranges cut off. */
const NEAR: Readonly<Record<string, number>> = {
  dynamic: 0.99,
  fused: 0.99,
  q8blocks: 0.999,
  qdq: 0.92,
  qdq16: 0.92,
  qlinear: 0.92,
  q4: 0.95,
  q4zero: 0.88,
  q4qdq: 0.9,
};

test.each(names)("gradients pass through the rounding of %s", async (name) => {
  const [network, all] = [await open(name), await reference(name)];
  const at = /^(?:vit|resnet)-/.test(name) ? "pixel_values" : "blocks.1.attn_out";
  const weight = all.get("weight")!;
  const { grads } = await network.grad(inputsOf(all), {
    of: (pass) => pass.at(network.output).mul(weight).sum(),
    at: [at],
  });
  const [got, want] = [await grads[at]!.numbers(), await all.get(`grad/${at}`)!.numbers()];
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Array.from(a, (x, i) => x * b[i]!).reduce((sum, x) => sum + x, 0);
  const cosine = dot(got, want) / Math.sqrt(dot(got, got) * dot(want, want));
  expect(cosine).toBeGreaterThan(NEAR[name.split("-")[1]!]!);
});

test.each(names.filter((name) => /^(?:bert|llama)-/.test(name)))(
  "%s: what tokens look up is the site embed, as real numbers",
  async (name) => {
    const [network, all] = [await open(name), await reference(name)];
    const pass = await network.run(inputsOf(all), { capture: ["embed"] });
    const [got, want] = [pass.at("embed"), all.get("embed")!];
    expect(got.dtype).toBe("float32");
    expect(got.shape).toEqual(want.shape);
    const [a, b] = [Array.from(await got.numbers()), Array.from(await want.numbers())];
    const off = a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
    const scale = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    // 4 bits of a block, half a step of 15, or of 7 where zero lies in the middle
    expect(off / scale).toBeLessThan(name.includes("-q4") ? 0.1 : 0.01);
  },
);
