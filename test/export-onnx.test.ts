// Every family as a plain ONNX file, against our own run of it, in ONNX Runtime alone: unequal rows, and a past that grows call by call.

import { expect, test } from "vitest";

import { openNetwork } from "../src/checkpoints/load.ts";
import { openEncoder } from "../src/checkpoints/open-encoder.ts";
import { exportEncoderOnnx } from "../src/network/export-encoder-onnx.ts";
import { exportOnnx } from "../src/network/export-onnx.ts";
import type { LanguageNetwork } from "../src/network/language.ts";
import { batchInputs, tokenBatch } from "../src/network/prompt.ts";
import { recordingTap } from "../src/network/tap.ts";
import { tensor } from "../src/runtime/index.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { PlainSession } from "../src/runtime/plain-session.ts";
import { MAX_ABS, values } from "./golden/compare.ts";
import { goldensOf, openGolden, readGolden } from "./golden/read.ts";
import type { Golden, Values } from "./golden/read.ts";
import { OnnxSession } from "./onnx-session.ts";

/** Prompts with the first tokens that follow them. */
function rowsOf({ prompts }: Golden): number[][] {
  return prompts.map(({ ids, greedy }) => [...ids, ...greedy.slice(0, 3)]);
}

/** Slices [batch, head, pos, width], or [batch, pos, width], at one row and position. */
function sliceAt({ shape, data }: Values, row: number, pos: number): Float32Array {
  const [heads, length] = shape.length === 4 ? [shape[1]!, shape[2]!] : [1, shape[1]!];
  const width = shape.at(-1)!;
  return Float32Array.from({ length: heads * width }, (_, i) => {
    const [head, unit] = [Math.floor(i / width), i % width];
    return data[((row * heads + head) * length + pos) * width + unit]!;
  });
}

/** Logits, keys and values of our own pass over whole rows, padded on the left. */
async function ours(net: LanguageNetwork, rows: readonly number[][]): Promise<Map<string, Values>> {
  const kept: [string, Tensor][] = [];
  const none = (): undefined => undefined;
  const cache = {
    past: none,
    state: none,
    keep: none,
    revise: none,
    store: (layer: number, k: Tensor, v: Tensor) =>
      void kept.push([`past_key_values.${layer}.key`, k], [`past_key_values.${layer}.value`, v]),
  };
  const inputs = { ...batchInputs(tokenBatch(rows, "left", 0)), cache };
  kept.push(["logits", net.forward(net.params as never, inputs, recordingTap().tap)]);
  const found = kept.map(async ([name, tensor]) => {
    const data = (await tensor.data()) as Float32Array;
    return [name, { shape: tensor.shape, data }] as const;
  });
  return new Map(await Promise.all(found));
}

/** The same of the file, which reads the rows in three calls: all but three tokens, one, two. */
async function theirs(
  file: Uint8Array,
  rows: readonly number[][],
  first = 0,
): Promise<Map<string, Values>> {
  const session = await OnnxSession.open(file);
  const length = Math.max(...rows.map((row) => row.length));
  const { ids } = tokenBatch(rows, "left", 0);
  const isThere = rows.map((row) => ids[0]!.map((_, i) => (i >= length - row.length ? 1 : 0)));
  const cuts = [0, length - 3, length - 2, length];
  let past = session.empty(rows.length);
  const logits: Values[] = [];
  for (const [call, start] of cuts.slice(0, -1).entries()) {
    const end = cuts[call + 1]!;
    const part = (all: readonly (readonly number[])[], from: number): number[][] =>
      all.map((row) => row.slice(from, end));
    const found = await session.call(part(ids, start), part(isThere, 0), past, first);
    past = found.past;
    logits.push({ shape: found.logits.dims, data: found.logits.data as Float32Array });
  }
  await session.release();
  const caches = Object.entries(past).map(
    ([name, { dims, data }]) => [name, { shape: dims, data: data as Float32Array }] as const,
  );
  return new Map([...caches, ["logits", joined(logits)]]);
}

/** [batch, pos, width] one behind the other. */
function joined(parts: readonly Values[]): Values {
  const [batch, , width] = parts[0]!.shape as [number, number, number];
  const length = parts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const data = Array.from({ length: batch }, (_, row) =>
    parts.flatMap((part) =>
      Array.from({ length: part.shape[1]! }, (__, pos) => [...sliceAt(part, row, pos)]).flat(),
    ),
  );
  return { shape: [batch, length, width], data: Float32Array.from(data.flat()) };
}

/** What differs at positions that hold a token. */
function wrong(
  want: ReadonlyMap<string, Values>,
  got: ReadonlyMap<string, Values>,
  rows: readonly number[][],
): string[] {
  const length = Math.max(...rows.map((row) => row.length));
  return [...want].flatMap(([name, values]) => {
    const other = got.get(name);
    if (other === undefined) return [`${name} is missing`];
    let most = 0;
    for (const [row, { length: own }] of rows.entries()) {
      for (let pos = length - own; pos < length; pos++) {
        const truth = sliceAt(values, row, pos);
        // a NaN stays in Math.max from here on
        for (const [i, x] of sliceAt(other, row, pos).entries())
          most = Math.max(most, Math.abs(x - truth[i]!));
      }
    }
    return most <= MAX_ABS ? [] : [`${name}: off by ${most}`];
  });
}

/** Rotary angles that depend on the length of the whole text, and layers that keep something else than keys and values. */
const REFUSED = [
  "llama-rope-dynamic",
  "llama-rope-longrope",
  "mamba",
  "mamba-biases",
  "mamba2",
  "mamba2-groups",
  "phi3",
  "phi3-longrope",
];

const names = await goldensOf("decoder");

test.each(names.filter((name) => !REFUSED.includes(name)))(
  "the file of %s computes what the network does",
  async (name) => {
    const golden = await readGolden(name);
    const net = await openNetwork(golden.files, { check: false });
    const rows = rowsOf(golden);
    const want = await ours(net, rows);
    expect(want.size).toBe(1 + 2 * net.config.nLayers);
    expect(wrong(want, await theirs(await exportOnnx(net), rows), rows)).toEqual([]);
  },
);

test.each(await goldensOf("encoder"))(
  "the file of %s computes what the encoder does",
  async (name) => {
    const golden = await openGolden(name);
    const net = await openEncoder(golden.files, { check: false });
    const rows = await Promise.all(
      [0, 1].map(async (i) => (await golden.rows(`${i}/input_ids`))[0]!),
    );
    const types = await Promise.all([0, 1].map(async (i) => (await golden.rows(`${i}/types`))[0]!));
    const isTyped = net.config.nTypes > 1;
    const given = rows.map((ids, i) => (isTyped ? { ids, types: types[i]! } : ids));
    const batch = net.tokens(given);
    const int32 = (all: readonly (readonly number[])[]): Tensor => tensor(all, { dtype: "int32" });
    await using session = await PlainSession.open(await exportEncoderOnnx(net));
    expect(session.inputs.includes("token_type_ids")).toBe(isTyped);
    const found = await session.run({
      input_ids: int32(batch.ids),
      attention_mask: int32(
        batch.lengths.map((own) => batch.ids[0]!.map((_, i) => Number(i < own))),
      ),
      token_type_ids: int32(batch.types),
    });
    const head = net.config.head === "none" ? [] : ["logits"];
    expect(Object.keys(found)).toEqual(["last_hidden_state", ...head]);
    const { shape, numbers } = Object.values(found).at(-1)!;
    const want = await values((await net.run(given, { capture: [net.output] })).at(net.output));
    expect(shape).toEqual(want.shape);
    const [, length, width] = shape.length === 3 ? shape : [0, 1, shape[1]!];
    const isReal = (i: number): boolean =>
      length === 1 ||
      Math.floor(i / width!) % length! < batch.lengths[Math.floor(i / (length! * width!))]!;
    const most = want.data.reduce(
      (top, x, i) => (isReal(i) ? Math.max(top, Math.abs(x - numbers[i]!)) : top),
      0,
    );
    expect(most).toBeLessThan(MAX_ABS);
  },
);

test("windows and rotary angles are the same where positions count from 1, as transformers.js counts for Gemma 3", async () => {
  const golden = await readGolden("gemma3");
  const net = await openNetwork(golden.files, { check: false });
  const rows = rowsOf(golden);
  const { logits } = Object.fromEntries(await ours(net, rows));
  const want = new Map([["logits", logits!]]); // keys are turned by their own positions, and differ
  expect(wrong(want, await theirs(await exportOnnx(net), rows, 1), rows)).toEqual([]);
});

test("families whose earlier positions change, or that keep other things, are refused with a sentence", async () => {
  const sentences: Record<string, string> = {};
  for (const name of REFUSED) {
    const { files } = await readGolden(name);
    const net = await openNetwork(files, { check: false });
    sentences[name] = await exportOnnx(net).then(
      () => "exported",
      (error: Error) => error.message,
    );
  }
  expect(sentences).toMatchInlineSnapshot(`
    {
      "llama-rope-dynamic": "exportOnnx: llama-rope-dynamic computes earlier positions otherwise in longer texts.",
      "llama-rope-longrope": "exportOnnx: llama-rope-longrope computes earlier positions otherwise in longer texts.",
      "mamba": "exportOnnx: mamba has recurrent layers, whose state is not exported.",
      "mamba-biases": "exportOnnx: mamba-biases has recurrent layers, whose state is not exported.",
      "mamba2": "exportOnnx: mamba2 has recurrent layers, whose state is not exported.",
      "mamba2-groups": "exportOnnx: mamba2-groups has recurrent layers, whose state is not exported.",
      "phi3": "exportOnnx: phi3 computes earlier positions otherwise in longer texts.",
      "phi3-longrope": "exportOnnx: phi3-longrope computes earlier positions otherwise in longer texts.",
    }
  `);
});
