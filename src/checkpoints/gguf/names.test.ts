import { expect, test } from "vitest";

import { gptLike } from "./gpt.ts";
import { expertMixtures } from "./experts.ts";
import type { GgufArchitecture } from "./config.ts";
import type { GgufTensor } from "./header.ts";
import { arrangements } from "./names.ts";
import type { TensorRules } from "./names.ts";
import { ggmlType } from "./quants.ts";

const tensor = (name: string, shape: readonly number[]): [string, GgufTensor] => {
  const size = shape.reduce((product, length) => product * length, 1);
  const type = ggmlType("x.gguf", name, 0);
  return [name, { name, type, shape, size, begin: 0, end: 4 * size }];
};

const arranged = (
  rules: TensorRules,
  ...tensors: [string, GgufTensor][]
): ReturnType<typeof arrangements> =>
  arrangements(new Map(tensors), rules, {
    path: "x.gguf",
    architecture: "tested",
    sizes: { nHeads: 2, nKvHeads: 1 },
  });

test("numbers of blocks and of experts stand where the table has them", () => {
  const tensors = {
    "blk.#.up": "layers.#.up",
    "blk.#.exps": "layers.#.experts.*.up",
    "blk.#.old.*": "layers.#.experts.*.old",
  };
  const found = arranged(
    { tensors },
    tensor("blk.12.up.weight", [4, 2]),
    tensor("blk.12.up.bias", [4]),
    tensor("blk.3.exps.weight", [2, 4, 2]),
    tensor("blk.3.old.7.weight", [4, 2]),
  );
  expect([...found.keys()]).toEqual([
    "layers.12.up.weight",
    "layers.12.up.bias",
    "layers.3.experts.0.up.weight",
    "layers.3.experts.1.up.weight",
    "layers.3.experts.7.old.weight",
  ]);
  expect(found.get("layers.3.experts.1.up.weight")).toMatchObject({
    shape: [4, 2],
    pieces: [{ start: 8, count: 8 }],
  });
});

test("the three projections of older Phi-2 files come apart", () => {
  const found = arranged(gptLike["phi2"]!, tensor("blk.0.attn_qkv.weight", [12, 4]));
  expect([...found].map(([name, { shape, pieces }]) => [name, shape, pieces[0]!.start])).toEqual([
    ["model.layers.0.self_attn.q_proj.weight", [4, 4], 0],
    ["model.layers.0.self_attn.k_proj.weight", [4, 4], 16],
    ["model.layers.0.self_attn.v_proj.weight", [4, 4], 32],
  ]);
});

test("a gate of one row is one row, whether it is stored so or as a vector", () => {
  const rules = expertMixtures["qwen2moe"] as GgufArchitecture;
  const shapes = [[4], [1, 4]].map((shape) => {
    const found = arranged(rules, tensor("blk.0.ffn_gate_inp_shexp.weight", shape));
    return found.get("model.layers.0.mlp.shared_expert_gate.weight")!.shape;
  });
  expect(shapes).toEqual([
    [1, 4],
    [1, 4],
  ]);
});

test("a shape that an arrangement cannot have is refused", () => {
  const { gpt2, bloom } = gptLike;
  expect(() =>
    arranged(gpt2!, tensor("blk.0.attn_qkv.weight", [3])),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: tensor "blk.0.attn_qkv.weight" has shape [3]; expected 2 axes.]`,
  );
  expect(() =>
    arranged(bloom!, tensor("blk.0.attn_qkv.weight", [10, 4])),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: tensor "blk.0.attn_qkv.weight" has shape [10, 4]; expected a number of rows that is a multiple of 6.]`,
  );
  expect(() =>
    arranged(
      expertMixtures["gpt-oss"] as GgufArchitecture,
      tensor("blk.0.ffn_gate_exps.weight", [2, 4, 4]),
      tensor("blk.0.ffn_up_exps.weight", [2, 4, 5]),
    ),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: tensor "blk.0.ffn_up_exps.weight" has shape [2, 4, 5]; expected [2, 4, 4].]`,
  );
  expect(() =>
    arranged({ tensors: { exps: "experts.*.up" } }, tensor("exps.weight", [5000, 1])),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: openGguf: tensor "exps.weight" stacks 5000 tensors; 4096 is the limit.]`,
  );
});
