import { expect, test } from "vitest";

import type { Draw, NodeForm } from "../../../test/onnx-engine.ts";
import {
  bothWays,
  difference,
  drawn,
  expectAgreement,
  expectGradients,
  input,
  traced,
} from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";

test.each(["Softmax", "LogSoftmax", "Hardmax"])(
  "%s along an axis, and over all from an axis on before version 13, is the engine's",
  async (opType) => {
    await expectAgreement(({ one, normals }) => {
      const opset = one(11, 13);
      const axis = one(undefined, 0, 1, 2, -1, -2);
      const attrs: NodeForm["attrs"] = axis === undefined ? {} : { axis };
      return {
        opType,
        opset,
        attrs,
        inputs: [normals(2, 3, 4)],
      };
    });
  },
);

/** Inputs of [2, 3, 4] normalised from a drawn axis on. */
const layerOf = ({ one, flag, normals }: Draw, isCentred: boolean): NodeForm => {
  const axis = one(-1, 1, 2, -2, 0);
  const shape = [2, 3, 4].slice(axis);
  const weights =
    isCentred && flag() ? [normals(...shape), normals(...shape)] : [normals(...shape)];
  return {
    opType: isCentred ? "LayerNormalization" : "SimplifiedLayerNormalization",
    opset: 17,
    attrs: { axis, epsilon: { float: one(1e-5, 1e-2) } },
    inputs: [normals(2, 3, 4), ...weights],
    outputs: isCentred ? [true, true, true] : [true, true],
  };
};

test("LayerNormalization is the engine's, with the mean and what it divides by", async () => {
  await expectAgreement((draw) => layerOf(draw, true));
});

test("SimplifiedLayerNormalization is the engine's, with what it divides by", async () => {
  await expectAgreement(({ one, normals }) => ({
    opType: "SimplifiedLayerNormalization",
    opset: 17,
    attrs: { axis: -1, epsilon: { float: one(1e-5, 1e-2) } },
    inputs: [normals(2, 3, 4), normals(4)],
    outputs: [true, true],
  }));
});

test("RMSNormalization is the engine's", async () => {
  await expectAgreement((draw) => ({
    ...layerOf(draw, false),
    opType: "RMSNormalization",
    opset: 23,
    outputs: [true],
  }));
});

test.each(["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])(
  "%s is the engine's, with the sum of the residual stream",
  async (name) => {
    await expectAgreement(({ flag, one, normals }) => {
      const vector = (): ReturnType<typeof normals> | undefined =>
        flag() ? normals(4) : undefined;
      const skip = one([2, 3, 4], [1, 3, 4], [3, 4]);
      const weights = name.includes("Simplified")
        ? [normals(4), vector()]
        : [normals(4), vector(), vector()];
      return {
        opType: `com.microsoft.${name}`,
        attrs: { epsilon: { float: 1e-5 } },
        inputs: [normals(2, 3, 4), normals(...skip), ...weights],
        outputs: [true, false, false, true],
      };
    });
  },
);

test("EmbedLayerNormalization is the engine's, with segments, a mask and positions", async () => {
  await expectAgreement(({ flag, wholes, normals }) => {
    const hasSegments = flag();
    return {
      opType: "com.microsoft.EmbedLayerNormalization",
      attrs: { epsilon: { float: 1e-5 } },
      inputs: [
        wholes([2, 3], 0, 5, "int32"),
        hasSegments ? wholes([2, 3], 0, 2, "int32") : undefined,
        normals(5, 4),
        normals(6, 4),
        hasSegments ? normals(2, 4) : undefined,
        normals(4),
        normals(4),
        flag() ? input([2, 3], [1, 1, 0, 1, 1, 1], "int32") : undefined,
        ...(flag() ? [wholes([2, 3], 0, 6, "int32")] : []),
      ],
      outputs: [true, true, true],
    };
  });
});

test("GroupNormalization is the engine's, with a weight for each group or for each channel", async () => {
  await expectAgreement(({ one, normals }) => {
    const [opset, groups] = [one(18, 21), one(1, 2, 4)];
    const weights = opset === 18 ? groups : 4;
    return {
      opType: "GroupNormalization",
      opset,
      attrs: { num_groups: groups, epsilon: { float: 1e-3 } },
      inputs: [normals(2, 4, ...one([3], [2, 3])), normals(weights), normals(weights)],
    };
  });
});

test("InstanceNormalization and BatchNormalization are the engine's", async () => {
  await expectAgreement(({ one, normals, wholes }) => {
    const x = normals(2, 3, ...one([4], [2, 2], [2, 1, 3]));
    const attrs = { epsilon: { float: 1e-3 } };
    if (one(true, false))
      return { opType: "InstanceNormalization", attrs, inputs: [x, normals(3), normals(3)] };
    const numbers = Array.from(wholes([3], 1, 5, "int32").data, Number);
    const inputs = [x, normals(3), normals(3), normals(3), input([3], numbers)];
    return { opType: "BatchNormalization", opset: one(9, 15), attrs, inputs };
  });
});

test("BatchNormalization in training moves its statistics as the engine does", async () => {
  await expectAgreement(
    ({ one, normals }) => ({
      opType: "BatchNormalization",
      opset: 15,
      attrs: { training_mode: 1, momentum: { float: one(0.9, 0.5) } },
      inputs: [normals(2, 3, 4), normals(3), normals(3), normals(3), input([3], [1, 2, 3])],
      outputs: [true, true, true],
    }),
    { runs: 6 },
  );
});

test("LpNormalization and MeanVarianceNormalization are the engine's", async () => {
  await expectAgreement(({ one, normals }) =>
    one(true, false)
      ? {
          opType: "LpNormalization",
          attrs: { p: one(1, 2), axis: one(0, 1, -1) },
          inputs: [normals(2, 3)],
        }
      : { opType: "MeanVarianceNormalization", opset: 13, inputs: [normals(2, 3, 2, 2)] },
  );
});

test("a line of zeros stays a line of zeros", async () => {
  const form = { opType: "LpNormalization", inputs: [input([2, 2], [0, 0, 3, 4])] };
  expect(difference(await bothWays(form))).toBe(0);
});

test.each<[string, NodeForm]>([
  [
    "SkipLayerNormalization",
    {
      opType: "com.microsoft.SkipLayerNormalization",
      attrs: { epsilon: { float: 1e-2 } },
      inputs: [
        drawn(new Rng(1), [1, 2, 5]),
        drawn(new Rng(2), [2, 5]),
        ...[3, 4, 5].map((seed) => drawn(new Rng(seed), [5])),
      ],
    },
  ],
  [
    "GroupNormalization",
    {
      opType: "GroupNormalization",
      attrs: { num_groups: 2, epsilon: { float: 1e-2 } },
      inputs: [drawn(new Rng(1), [1, 4, 3]), drawn(new Rng(2), [4]), drawn(new Rng(3), [4])],
    },
  ],
  [
    "BatchNormalization",
    {
      opType: "BatchNormalization",
      opset: 15,
      inputs: [
        drawn(new Rng(1), [3, 2, 2]),
        ...[2, 3, 4].map((seed) => drawn(new Rng(seed), [2])),
        input([2], [0.5, 2]),
      ],
    },
  ],
])("gradients of %s are its finite differences", async (_, form) => {
  await expectGradients(form);
});

test("BatchNormalization that trains in an old form is refused", () => {
  const [x, v] = [drawn(new Rng(1), [2, 3, 2]), drawn(new Rng(2), [3])];
  const outputs = [true, true, true, true, true];
  const form = { opType: "BatchNormalization", opset: 9, inputs: [x, v, v, v, v], outputs };
  expect(() => traced(form)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (BatchNormalization) trains, in a form older than operator set 14.]`,
  );
});
