import { expect, test } from "vitest";

import type { NodeForm, NodeInput } from "../../../test/onnx-engine.ts";
import { drawn, expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { expectGradient } from "../../../test/onnx-gradients.ts";
import { Rng } from "../../core/rng.ts";

/** Numbers well within -1..1, away from 0. */
const inside = input([6], [-0.6, -0.4, -0.2, 0.3, 0.5, 0.6]);
const above = input([3], [1.2, 1.7, 3]);

test.each(["Tan", "Sinh", "Cosh", "Asin", "Acos", "Atan", "Asinh", "Atanh", "Erf", "Gelu"])(
  "%s has the engine's values and the right slope",
  async (opType) => {
    const form: NodeForm = { opType, inputs: [inside] };
    await expectAgreement(() => form, { runs: 1 });
    await expectGradient(form, [0]);
  },
);

test("Acosh has the engine's values and the right slope", async () => {
  const form: NodeForm = { opType: "Acosh", inputs: [above] };
  await expectAgreement(() => form, { runs: 1 });
  await expectGradient(form, [0]);
});

test("Pow is the engine's also of numbers below 0 and of whole ones", async () => {
  await expectAgreement(({ one, normals, wholes }) =>
    one(
      { opType: "Pow", inputs: [normals(2, 3), wholes([3], 0, 4, "float32")] },
      { opType: "Pow", inputs: [wholes([2, 3], -3, 4, "int64"), wholes([3], 0, 4, "int64")] },
      { opType: "Pow", inputs: [normals(4), wholes([], 0, 4, "int32")] },
    ),
  );
});

test("Pow has a gradient by its base, and by its exponent where the base is above 0", async () => {
  const whole: NodeForm = { opType: "Pow", inputs: [inside, input([6], [1, 2, 3, 2, 1, 3])] };
  await expectGradient(whole, [0]);
  await expectGradient({ opType: "Pow", inputs: [above, drawn(new Rng(1), [2, 3])] }, [0, 1]);
});

test("Mod is the engine's of either sign", async () => {
  const wholes: NodeForm = {
    opType: "Mod",
    inputs: [input([4], [7, -7, 7, -7], "int64"), input([4], [3, 3, -3, -3], "int64")],
  };
  await expectAgreement(() => wholes, { runs: 1 });
  await expectAgreement(
    ({ normals }) => ({ opType: "Mod", attrs: { fmod: 1 }, inputs: [normals(5), normals(5)] }),
    { runs: 4 },
  );
});

test("Clip takes bounds as inputs and attributes; of crossed ones the upper wins", async () => {
  const bound = (value: number): NodeInput => input([], [value]);
  await expectAgreement(({ one, normals }) => ({
    opType: "Clip",
    inputs: [normals(5), one(undefined, bound(-0.5), bound(2)), one(undefined, bound(0.5))],
  }));
  const old: NodeForm = {
    opType: "Clip",
    opset: 6,
    attrs: { max: { float: 0 } },
    inputs: [inside],
  };
  const got = [...(await traced(old)[0]!.numbers())];
  expect(got.map((value) => Math.round(value * 10))).toEqual([-6, -4, -2, 0, 0, 0]);
});

test("Where and Cast are the engine's for every type that is held", async () => {
  const types = ["float32", "int32", "int64", "uint8", "int8", "bool"] as const;
  await expectAgreement(
    ({ one, wholes }) => {
      const from = one(...types);
      if (one("Where", "Cast") === "Cast")
        return {
          opType: "Cast",
          attrs: { to: one(1, 2, 3, 6, 7, 9) },
          inputs: [wholes([4], 0, 2, from)],
        };
      // the engine has no kernel for these
      const type = from === "int8" || from === "bool" ? "int32" : from;
      const draw = (): NodeInput => wholes([4], 0, 9, type);
      return { opType: "Where", inputs: [wholes([4], 0, 2, "bool"), draw(), draw()] };
    },
    { runs: 30 },
  );
});

test("Where chooses among bools and bytes too", async () => {
  const [y] = traced({
    opType: "Where",
    inputs: [input([2], [1, 0], "bool"), input([2], [1, 1], "bool"), input([2], [0, 0], "bool")],
  });
  expect(y!.dtype).toBe("bool");
  expect([...(await y!.numbers())]).toEqual([1, 0]);
});

test("types that are not held are refused by name", () => {
  const cast = (to: number): NodeForm => ({ opType: "Cast", attrs: { to }, inputs: [inside] });
  expect(() => traced(cast(17))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Cast) makes float8e4m3fn of its input.]`,
  );
  expect(() => traced(cast(22))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Cast) makes int4 of its input.]`,
  );
  expect(() => traced(cast(8))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Cast) makes string of its input.]`,
  );
  expect(() => traced(cast(99))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Cast) makes an unknown type of its input.]`,
  );
});

test("what the engine has no kernel for is refused", () => {
  const wide = input([2], [1, 2], "int32");
  expect(() =>
    traced({ opType: "BitShift", attrs: { direction: "LEFT" }, inputs: [wide, wide] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (BitShift) shifts int32, where ONNX Runtime shifts uint8 alone.]`,
  );
  expect(() => traced({ opType: "BitwiseNot", inputs: [wide] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (BitwiseNot) turns the bits of numbers of more than 8 bits.]`,
  );
});

test("dropout as in training is refused, and else lets all through", () => {
  const training = input([], [1], "bool");
  const form: NodeForm = { opType: "Dropout", inputs: [inside, input([], [0.5]), training] };
  expect(() => traced(form)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (Dropout) drops values at random, as in training.]`,
  );
  const [y] = traced({ opType: "Dropout", inputs: [inside] });
  expect([...(y!.value!.data as Float32Array)]).toEqual([...inside.data]);
});
