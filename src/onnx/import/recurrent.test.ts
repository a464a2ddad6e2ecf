import { expect, test } from "vitest";

import type { Draw, NodeForm } from "../../../test/onnx-engine.ts";
import { drawn, expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";
import { gradients } from "../../runtime/index.ts";
import { fromHost } from "../../tensor/leaf.ts";

const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;

/** Drawn layers in all their forms; `pos`, `batch`, input and hidden sizes are small. */
function layer({ one, whole, flag, normals, wholes }: Draw): NodeForm {
  const opType = one("RNN" as const, "GRU" as const, "LSTM" as const);
  const direction = one("forward", "reverse", "bidirectional");
  const [pos, batch, size, hidden] = [whole(1, 4), whole(1, 3), whole(1, 3), whole(1, 3)];
  const [directions, gates] = [direction === "bidirectional" ? 2 : 1, GATES[opType]];
  const state = (): ReturnType<Draw["normals"]> | undefined =>
    flag() ? normals(directions, batch, hidden) : undefined;
  const inputs = [
    normals(pos, batch, size),
    normals(directions, gates * hidden, size),
    normals(directions, gates * hidden, hidden),
    flag() ? normals(directions, 2 * gates * hidden) : undefined,
    flag() ? wholes([batch], 1, pos + 1, "int32") : undefined,
    state(),
  ];
  const own = {
    RNN: {},
    GRU: { linear_before_reset: whole(0, 1) },
    LSTM: {},
  }[opType];
  const activations = {
    RNN: ["Relu"],
    GRU: ["HardSigmoid", "Tanh"],
    LSTM: ["Sigmoid", "Tanh", "Relu"],
  };
  const strings = Array.from({ length: directions }, () => activations[opType]).flat();
  return {
    opType,
    attrs: {
      hidden_size: hidden,
      direction,
      ...own,
      ...(flag() ? { activations: { strings } } : {}),
      ...(flag() ? { clip: { float: 0.5 } } : {}),
    },
    inputs:
      opType === "LSTM"
        ? [...inputs, state(), flag() ? normals(directions, 3 * hidden) : undefined]
        : inputs,
    outputs: Array.from({ length: opType === "LSTM" ? 3 : 2 }, () => true),
  };
}

test("recurrent layers are the engine's", async () => {
  await expectAgreement(layer, { runs: 60 });
});

test("a layer with the batch first is the same layer turned", async () => {
  const rng = new Rng(1);
  const [x, w, r] = [drawn(rng, [2, 3, 4]), drawn(rng, [1, 8, 4]), drawn(rng, [1, 8, 2])];
  const initial = drawn(rng, [2, 1, 2]);
  const form = (layout: number): NodeForm => ({
    opType: "LSTM",
    attrs: { hidden_size: 2, layout },
    inputs: [x, w, r, undefined, undefined, initial],
    outputs: [true, true, true],
  });
  const turn = (given: typeof x): ReturnType<typeof fromHost> =>
    fromHost(given.data, given).transpose([1, 0, 2]);
  const turned = new Map([
    [0, turn(x)],
    [5, turn(initial)],
  ]);
  const [all, last, cell] = traced(form(1));
  const [want, wantLast, wantCell] = traced(form(0), turned);
  expect(all!.shape).toEqual([2, 3, 1, 2]);
  expect(await all!.numbers()).toEqual(await want!.transpose([2, 0, 1, 3]).numbers());
  expect(await last!.numbers()).toEqual(await wantLast!.transpose([1, 0, 2]).numbers());
  expect(await cell!.numbers()).toEqual(await wantCell!.transpose([1, 0, 2]).numbers());
});

test("weights of 8 bits make the engine's layer", async () => {
  await expectAgreement(
    ({ normals, wholes }) => ({
      opType: "com.microsoft.DynamicQuantizeLSTM",
      attrs: { hidden_size: 2 },
      inputs: [
        normals(3, 1, 4),
        wholes([1, 4, 8], -9, 9, "int8"),
        wholes([1, 2, 8], -9, 9, "int8"),
        normals(1, 16),
        undefined,
        undefined,
        undefined,
        undefined,
        input([1], [0.1]),
        input([1], [0], "int8"),
        input([1], [0.1]),
        input([1], [0], "int8"),
      ],
      outputs: [true, true, true],
    }),
    { runs: 5, tolerance: 0 },
  );
});

test("inputs that are no sequences are refused, and gradients too", () => {
  const rng = new Rng(1);
  const [w, r] = [drawn(rng, [1, 2, 4]), drawn(rng, [1, 2, 2])];
  const attrs = { hidden_size: 2 };
  const flat: NodeForm = { opType: "RNN", attrs, inputs: [drawn(rng, [3, 4]), w, r] };
  expect(() => traced(flat)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (RNN) takes [3, 4], [1, 2, 4] and [1, 2, 2].]`,
  );
  const empty: NodeForm = { opType: "RNN", attrs, inputs: [drawn(rng, [3, 0, 4]), w, r] };
  expect(() => traced(empty)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (RNN) goes through [3, 0, 4] with weights [1, 2, 4].]`,
  );
  const x = drawn(rng, [3, 1, 4]);
  const leaf = fromHost(x.data, x);
  const [y] = traced({ opType: "RNN", attrs, inputs: [x, w, r] }, new Map([[0, leaf]]));
  expect(() => gradients(y!.sum(), [leaf])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gradients: cannot differentiate through foreign: ONNX Runtime runs RNN as it stands in the file.
      fix: use stopGradient or straightThrough around it.]
  `);
});
