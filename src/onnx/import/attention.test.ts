import { expect, test } from "vitest";

import type { Draw, NodeForm, NodeInput } from "../../../test/onnx-engine.ts";
import {
  drawn,
  expectAgreement,
  expectGradients,
  input,
  traced,
} from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";
import { evaluate, gradients } from "../../runtime/index.ts";
import { fromHost } from "../../tensor/leaf.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Attention with drawn masks, cache, groups of heads and bounds. */
const attentionOf = ({ whole, one, flag, normals, wholes }: Draw): NodeForm => {
  const [batch, kvHeads, group] = [whole(1, 2), whole(1, 2), whole(1, 2)];
  const isCausal = flag();
  const [pos, size, valueSize] = [whole(1, 3), 4, one(4, 2)];
  // the engine lets a single causal query see all keys
  const keys = isCausal && pos === 1 ? 1 : whole(1, 3);
  const past = flag() ? whole(1, 2) : 0;
  const isFlat = flag();
  const heads = (count: number, length: number, width: number): NodeInput =>
    isFlat ? normals(batch, length, count * width) : normals(batch, count, length, width);
  const total = keys + past;
  const maskShape = one([pos, total], [batch, 1, pos, total], [batch, kvHeads * group, pos, total]);
  const mask = one(undefined, normals(...maskShape), wholes(maskShape, 0, 2, "bool"));
  const cache = (width: number): NodeInput[] =>
    past > 0 ? [normals(batch, kvHeads, past, width)] : [];
  return {
    opType: "Attention",
    opset: 23,
    attrs: {
      is_causal: Number(isCausal),
      ...(isFlat ? { q_num_heads: kvHeads * group, kv_num_heads: kvHeads } : {}),
      ...(flag() ? { softcap: { float: 2 } } : {}),
      ...(flag() ? { scale: { float: 0.3 } } : {}),
    },
    inputs: [
      heads(kvHeads * group, pos, size),
      heads(kvHeads, keys, size),
      heads(kvHeads, keys, valueSize),
      mask,
      ...cache(size),
      ...cache(valueSize),
    ],
    outputs: past > 0 ? [true, true, true] : [true],
  };
};

test("Attention is the engine's under masks, caches, groups and bounds", async () => {
  await expectAgreement(attentionOf, { runs: 60 });
});

/** Masks that ONNX Runtime's operators share, for `keys` of which some are there. */
const paddingOf = (
  { one, wholes }: Draw,
  batch: number,
  pos: number,
  keys: number,
): NodeInput | undefined => {
  const lengths = wholes([batch], 1, keys + 1, "int32");
  // with nothing to look at, the scores are -10000 and what is left of them after rounding
  const holes = (...lead: readonly number[]): NodeInput => {
    const numbers = Array.from(wholes([...lead, keys], 0, 2, "int32").data, Number);
    return input(
      [...lead, keys],
      numbers.map((v, i) => (i % keys === 0 ? 1 : v)),
      "int32",
    );
  };
  return one(undefined, lengths, holes(batch), holes(batch, pos));
};

test("MultiHeadAttention is the engine's with biases, masks and a cache", async () => {
  await expectAgreement(
    (draw) => {
      const { whole, one, flag, normals } = draw;
      const [batch, heads, pos, size, valueSize] = [
        whole(1, 2),
        whole(1, 2),
        whole(1, 3),
        4,
        one(4, 2),
      ];
      const keys = flag() ? pos : whole(1, 3);
      const past = flag() && valueSize === size ? 2 : 0;
      const total = keys + past;
      const cache =
        past > 0 ? [normals(batch, heads, past, size), normals(batch, heads, past, size)] : [];
      return {
        opType: "com.microsoft.MultiHeadAttention",
        attrs: {
          num_heads: heads,
          unidirectional: Number(keys === pos && flag()),
          ...(flag() ? { scale: { float: 0.4 } } : {}),
        },
        inputs: [
          normals(batch, pos, heads * size),
          normals(batch, keys, heads * size),
          normals(batch, keys, heads * valueSize),
          flag() ? normals(heads * (2 * size + valueSize)) : undefined,
          past === 0 ? paddingOf(draw, batch, pos, total) : undefined,
          flag() ? normals(one(1, batch), heads, pos, total) : undefined,
          ...cache,
        ],
        outputs: [true, past > 0, past > 0],
      };
    },
    { runs: 60 },
  );
});

test("keys and values of another place come by head", async () => {
  await expectAgreement(
    ({ whole, flag, normals }) => {
      const [batch, heads, pos, keys] = [2, whole(1, 2), whole(1, 3), whole(1, 3)];
      return {
        opType: "com.microsoft.MultiHeadAttention",
        attrs: { num_heads: heads },
        inputs: [
          normals(batch, pos, heads * 4),
          normals(batch, heads, keys, 4),
          normals(batch, heads, keys, 4),
          ...(flag() ? [normals(heads * 12)] : []),
        ],
      };
    },
    { runs: 10 },
  );
});

test("Attention with its projections is the engine's", async () => {
  await expectAgreement(
    (draw) => {
      const { whole, flag, one, normals } = draw;
      const [batch, heads, pos, width] = [whole(1, 2), whole(1, 2), whole(1, 3), 3];
      const past = flag() ? 2 : 0;
      const valueSize = past > 0 ? 4 : one(4, 2);
      const sizes = [heads * 4, heads * 4, heads * valueSize];
      const all = sizes.reduce((a, b) => a + b);
      const total = past + pos;
      return {
        opType: "com.microsoft.Attention",
        attrs: {
          num_heads: heads,
          unidirectional: Number(flag()),
          ...(valueSize === 4 ? {} : { qkv_hidden_sizes: sizes }),
        },
        inputs: [
          normals(batch, pos, width),
          normals(width, all),
          normals(all),
          paddingOf(draw, batch, pos, total),
          past > 0 ? normals(2, batch, heads, past, 4) : undefined,
          past === 0 && flag() ? normals(one(1, batch), heads, pos, total) : undefined,
        ],
        outputs: past > 0 ? [true, true] : [true],
      };
    },
    { runs: 60 },
  );
});

/** A step of a decoder after `past` positions, whose cache may have room for more. */
const groupedOf = ({ whole, one, flag, normals }: Draw): NodeForm => {
  const [batch, kvHeads, group, size] = [whole(1, 2), whole(1, 2), whole(1, 2), 16];
  const heads = kvHeads * group;
  const past = one(0, 0, 2, 3);
  const pos = past > 0 && batch > 1 ? 1 : whole(1, 4);
  const total = past + pos;
  const room = past > 0 ? one(past, total + 2) : 0;
  const isPacked = flag();
  const hasRotary = flag();
  const cache = (): NodeInput | undefined =>
    room > 0 ? normals(batch, kvHeads, room, size) : undefined;
  const width = one(-1, -1, 2, 1);
  const start = whole(0, 2);
  const places = input(
    [batch, pos],
    Array.from({ length: batch * pos }, (_, i) => start + (i % pos)),
    "int64",
  );
  return {
    opType: "com.microsoft.GroupQueryAttention",
    attrs: {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: Number(hasRotary),
      rotary_interleaved: Number(hasRotary && flag()),
      local_window_size: width,
      ...(flag() ? { softcap: { float: 1.5 } } : {}),
      ...(flag() ? { scale: { float: 0.2 } } : {}),
      ...(flag() ? { smooth_softmax: 1 } : {}),
    },
    inputs: [
      normals(batch, pos, (isPacked ? heads + 2 * kvHeads : heads) * size),
      isPacked ? undefined : normals(batch, pos, kvHeads * size),
      isPacked ? undefined : normals(batch, pos, kvHeads * size),
      cache(),
      cache(),
      input(
        [batch],
        Array.from({ length: batch }, () => total - 1),
        "int32",
      ),
      input([1], [total], "int32"),
      hasRotary ? normals(8, size / 2) : undefined,
      hasRotary ? normals(8, size / 2) : undefined,
      hasRotary && flag() ? places : undefined,
      flag() ? normals(one(1, batch), one(1, heads), pos, total) : undefined,
    ],
    outputs: [true, true, true],
    // the engine leaves the room behind the last position unwritten
    ...(room > total ? { compared: 1 } : {}),
  };
};

test("GroupQueryAttention is the engine's after a cache, with windows, bounds and rotary positions", async () => {
  await expectAgreement(groupedOf, { runs: 80 });
});

test("rows of their own lengths go where the engine puts them", async () => {
  await expectAgreement(
    ({ flag, one, normals }) => {
      const [heads, size, room] = [2, 16, one(3, 6)];
      const hasRotary = flag();
      const table = (): NodeInput | undefined => (hasRotary ? normals(8, size / 2) : undefined);
      return {
        opType: "com.microsoft.GroupQueryAttention",
        attrs: { num_heads: heads, kv_num_heads: 1, do_rotary: Number(hasRotary) },
        inputs: [
          normals(3, 1, heads * size),
          normals(3, 1, size),
          normals(3, 1, size),
          normals(3, 1, room, size),
          normals(3, 1, room, size),
          input([3], [3, 1, 2], "int32"),
          input([1], [4], "int32"),
          table(),
          table(),
        ],
        outputs: [true, true, true],
        compared: 1,
      };
    },
    { runs: 10 },
  );
});

test("a key without value takes its part of the attention as the engine has it", async () => {
  await expectAgreement(
    ({ normals }) => ({
      opType: "com.microsoft.GroupQueryAttention",
      attrs: { num_heads: 2, kv_num_heads: 1 },
      inputs: [
        normals(1, 3, 32),
        normals(1, 3, 16),
        normals(1, 3, 16),
        undefined,
        undefined,
        input([1], [2], "int32"),
        input([1], [3], "int32"),
        ...Array.from({ length: 4 }, () => undefined),
        normals(2),
      ],
    }),
    { runs: 5 },
  );
});

test("RotaryEmbedding is the engine's in ONNX's form", async () => {
  await expectAgreement(
    ({ flag, one, normals, wholes }) => {
      const [batch, pos, heads, size] = [2, 3, 2, 8];
      const [isFlat, hasPositions, turned] = [flag(), flag(), one(0, 4)];
      const pairs = (turned === 0 ? size : turned) / 2;
      const table = (): NodeInput =>
        hasPositions ? normals(5, pairs) : normals(batch, pos, pairs);
      return {
        opType: "RotaryEmbedding",
        opset: 23,
        attrs: {
          interleaved: Number(flag()),
          rotary_embedding_dim: turned,
          ...(isFlat ? { num_heads: heads } : {}),
        },
        inputs: [
          isFlat ? normals(batch, pos, heads * size) : normals(batch, heads, pos, size),
          table(),
          table(),
          ...(hasPositions ? [wholes([batch, pos], 0, 5, "int64")] : []),
        ],
      };
    },
    { runs: 30 },
  );
});

test("RotaryEmbedding is the engine's in its own form", async () => {
  await expectAgreement(
    ({ flag, one, normals, wholes }) => {
      const [batch, pos, heads, size] = [2, 3, 2, 8];
      const [isFlat, turned] = [flag(), one(0, 4)];
      const pairs = (turned === 0 ? size : turned) / 2;
      return {
        opType: "com.microsoft.RotaryEmbedding",
        attrs: {
          interleaved: Number(flag()),
          ...(turned === 0 ? {} : { rotary_embedding_dim: turned, num_heads: heads }),
        },
        inputs: [
          isFlat ? normals(batch, pos, heads * size) : normals(batch, heads, pos, size),
          flag() ? wholes([batch, pos], 0, 5, "int64") : wholes([1], 0, 3, "int64"),
          normals(6, pairs),
          normals(6, pairs),
        ],
      };
    },
    { runs: 30 },
  );
});

const small: NodeForm = {
  opType: "Attention",
  opset: 23,
  attrs: { is_causal: 1 },
  inputs: [1, 2, 3].map((seed) => drawn(new Rng(seed), [1, 2, 3, 4])),
};

test("scores and pattern are values with names, and an edit of the pattern is what the values are mixed by", async () => {
  const names: string[] = [];
  const [plain] = traced(small, new Map(), (name, x) => {
    names.push(name);
    return x;
  });
  expect(names).toEqual(["y0/scores", "y0/pattern", "y0"]);
  const [edited] = traced(small, new Map(), (name, x) => (name.endsWith("pattern") ? x.mul(2) : x));
  const [a, b] = await evaluate([plain!.mul(2), edited!]);
  // twice the pattern is twice the mixture, up to rounding
  expect(await a.sub(b).abs().max().item()).toBeLessThan(1e-6);
});

test.each<[string, NodeForm]>([
  ["Attention", { ...small, attrs: { is_causal: 1, softcap: { float: 2 } } }],
  [
    "GroupQueryAttention",
    {
      opType: "com.microsoft.GroupQueryAttention",
      attrs: { num_heads: 2, kv_num_heads: 1, do_rotary: 1, local_window_size: 2 },
      inputs: [
        drawn(new Rng(1), [1, 2, 32]),
        drawn(new Rng(2), [1, 2, 16]),
        drawn(new Rng(3), [1, 2, 16]),
        drawn(new Rng(4), [1, 1, 2, 16]),
        drawn(new Rng(5), [1, 1, 2, 16]),
        input([1], [3], "int32"),
        input([1], [4], "int32"),
        drawn(new Rng(6), [4, 8]),
        drawn(new Rng(7), [4, 8]),
      ],
      outputs: [true, true, true],
    },
  ],
  [
    "LinearAttention",
    {
      opType: "LinearAttention",
      opset: 27,
      attrs: { q_num_heads: 2, kv_num_heads: 1, update_rule: "gated_delta" },
      inputs: [
        drawn(new Rng(1), [1, 3, 8]),
        drawn(new Rng(2), [1, 3, 4]),
        drawn(new Rng(3), [1, 3, 2]),
        undefined,
        drawn(new Rng(4), [1, 3, 1]),
        drawn(new Rng(5), [1, 3, 1]),
      ],
    },
  ],
])("gradients of %s are its finite differences", async (_, form) => {
  await expectGradients(form);
});

test("a query that may look at nothing has a pattern and a gradient of 0", async () => {
  const [q, k, v] = small.inputs.map((x) => fromHost(x!.data, x!));
  const mask = input([3, 3], [1, 0, 0, 0, 0, 0, 1, 1, 1], "bool");
  const form = { ...small, attrs: {}, inputs: [...small.inputs, mask] };
  const given = new Map([q!, k!, v!].entries());
  const z = traced(form, given)[0]!;
  const [dq] = gradients(z.square().sum(), [q!]);
  const row = (x: Tensor): Tensor => x.slice({ axis: 2, start: 1, end: 2 }).abs().sum();
  const found = await evaluate([row(z), row(dq!), dq!.abs().sum()]);
  const [value, gradient, all] = await Promise.all(found.map((x) => x.item()));
  expect([value, gradient]).toEqual([0, 0]);
  expect(all).toBeGreaterThan(0);
});

test("a rule that nobody knows is refused by the node's name", () => {
  const x = drawn(new Rng(1), [1, 1, 2]);
  const attrs = { update_rule: "hebbian" };
  expect(() =>
    traced({ opType: "LinearAttention", opset: 27, attrs, inputs: [x, x, x] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (LinearAttention) writes by the rule hebbian.]`,
  );
});
