import { expect, test } from "vitest";

import { tensor } from "../../runtime/index.ts";
import { exampleInput, preparedInputs } from "./onnx-inputs.ts";
import type { OnnxPort } from "./onnx-inputs.ts";

const decoder: readonly OnnxPort[] = [
  { name: "input_ids", dtype: "int64", shape: ["batch", "pos"] },
  { name: "attention_mask", dtype: "int64", shape: ["batch", "total"] },
  { name: "position_ids", dtype: "int64", shape: ["batch", "pos"] },
  { name: "past_key_values.0.key", dtype: "float32", shape: ["batch", 2, "past", 4] },
];

async function rows(ports: readonly OnnxPort[], given: Parameters<typeof preparedInputs>[2]) {
  const inputs = preparedInputs("net", ports, given);
  const numbers = Object.entries(inputs).map(async ([name, x]) => {
    const own = Array.from(await x.numbers());
    return [name, { shape: x.shape, own }] as const;
  });
  return Object.fromEntries(await Promise.all(numbers));
}

test("of a decoder's inputs all but the tokens follow", async () => {
  expect(await rows(decoder, { input_ids: [[7, 8, 9]] })).toEqual({
    input_ids: { shape: [1, 3], own: [7, 8, 9] },
    attention_mask: { shape: [1, 3], own: [1, 1, 1] },
    position_ids: { shape: [1, 3], own: [0, 1, 2] },
    "past_key_values.0.key": { shape: [1, 2, 0, 4], own: [] },
  });
});

test("with a past, positions count on and the mask covers both", async () => {
  const past = tensor([[[[1, 1, 1, 1]], [[2, 2, 2, 2]]]]);
  const found = await rows(decoder, { input_ids: [[7, 8]], "past_key_values.0.key": past });
  expect(found["attention_mask"]).toEqual({ shape: [1, 3], own: [1, 1, 1] });
  expect(found["position_ids"]).toEqual({ shape: [1, 2], own: [1, 2] });
});

test("an encoder's mask follows from its own tokens and not from the decoder's", async () => {
  const ports: readonly OnnxPort[] = [
    { name: "decoder_input_ids", dtype: "int64", shape: ["batch", "target"] },
    { name: "attention_mask", dtype: "int64", shape: ["batch", "source"] },
    { name: "input_ids", dtype: "int64", shape: ["batch", "source"] },
  ];
  const found = await rows(ports, { decoder_input_ids: [[1]], input_ids: [[1, 2, 3]] });
  expect(found["attention_mask"]!.shape).toEqual([1, 3]);
});

test("what is wrong with an input is said with what the model takes", () => {
  const prepare = (given: Parameters<typeof preparedInputs>[2]) => () =>
    preparedInputs("net", decoder, given);
  expect(prepare({ input_id: [[1]] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: net: the model has no input "input_id"; it has "input_ids", "attention_mask", "position_ids", "past_key_values.0.key".
      fix: use "input_ids".]
  `);
  expect(prepare({})).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: net: the input "input_ids" is missing.
      fix: give it, as int64 of shape [batch, pos].]
  `);
  expect(prepare({ input_ids: [1, 2] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: net: the input "input_ids" is [2], and the model takes [batch, pos].]`,
  );
});

test("an example has tokens where a model reads, an image where it sees and a second of sound where it listens", () => {
  const shapes = (ports: readonly OnnxPort[]) =>
    Object.entries(exampleInput(ports)).map(([name, x]) => [
      name,
      (x as { shape: readonly number[] }).shape,
    ]);
  expect(shapes(decoder)).toEqual([["input_ids", [1, 5]]]);
  const pixels = {
    name: "pixel_values",
    dtype: "float32",
    shape: ["batch", 3, "height", null],
  } as const;
  expect(shapes([pixels])).toEqual([["pixel_values", [1, 3, 224, 224]]]);
  const sound = { name: "input_values", dtype: "float32", shape: ["batch", "time"] } as const;
  expect(shapes([sound])).toEqual([["input_values", [1, 16_000]]]);
});
