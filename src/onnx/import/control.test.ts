import { expect, test } from "vitest";

import type { Tensor } from "../../runtime/index.ts";
import { gradients, tensor } from "../../runtime/index.ts";
import { placeholder } from "../../tensor/leaf.ts";
import { ONNX_TYPE } from "../../tensor/ops/cast.ts";
import type { DType } from "../../tensor/tensor.ts";
import { readModel } from "../model.ts";
import type { GraphForm, NodeForm, PortForm } from "../proto.ts";
import { encodeModel } from "../proto.ts";
import { importHandlers } from "./index.ts";
import { runModel } from "./run.ts";

const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attrs: NodeForm["attrs"] = {},
): NodeForm => ({ name: opType, opType, domain: "", inputs, outputs, attrs });

const port = (name: string, dtype: DType = "float32"): PortForm => ({
  name,
  onnxType: ONNX_TYPE[dtype],
  shape: [],
});

const body = (
  inputs: readonly PortForm[],
  nodes: readonly NodeForm[],
  outputs: readonly string[],
): GraphForm => ({ nodes, initializers: [], inputs, outputs: outputs.map((name) => port(name)) });

/** The outputs of one node, called y0, y1 ... */
function run(one: NodeForm, given: Readonly<Record<string, Tensor>>): readonly Tensor[] {
  const graph = { nodes: [one], initializers: [], inputs: [] };
  const outputs = one.outputs.map((name) => port(name));
  const bytes = encodeModel({ opsets: { "": 21 }, ...graph, outputs });
  const form = { where: "importGraph", handlers: importHandlers, tap: (_: string, x: Tensor) => x };
  return runModel(readModel("test", bytes), new Map(Object.entries(given)), form);
}

const x = tensor([1, 2, 3]);
const yes = tensor(true);

const either = node("If", ["c"], ["y0"], {
  then_branch: body([], [node("Neg", ["x"], ["t"])], ["t"]),
  else_branch: body([], [node("Relu", ["x"], ["e"])], ["e"]),
});

test("a branch that is known is the only one that is run", () => {
  const [y] = run(either, { c: yes, x });
  expect(y!.node.op.name).toBe("neg");
});

test("a branch that values choose is chosen by them", async () => {
  const c = tensor([1]).greater(tensor([2]));
  const [y] = run(either, { c: c.reshape([]), x });
  expect([...(await y!.numbers())]).toEqual([1, 2, 3]);
});

test("branches of unequal shapes cannot be chosen by values", () => {
  const odd = node("If", ["c"], ["y0"], {
    then_branch: body([], [node("Neg", ["x"], ["t"])], ["t"]),
    else_branch: body([], [node("Size", ["x"], ["e"])], ["e"]),
  });
  const c = placeholder({ shape: [], dtype: "bool" });
  expect(() => run(odd, { c, x })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "If" (If) gives [3] or [], and which of them depends on values.]`,
  );
});

// carries a sum, and collects it
const summing = (inputs: readonly string[]): NodeForm =>
  node("Loop", inputs, ["y0", "y1"], {
    body: body(
      [port("i", "int64"), port("c", "bool"), port("s")],
      [
        node("Identity", ["c"], ["next"]),
        node("Add", ["s", "x"], ["sum"]),
        node("Identity", ["sum"], ["kept"]),
      ],
      ["next", "sum", "kept"],
    ),
  });

test("a loop carries, collects, reads what is around it, and has a gradient", async () => {
  const start = tensor([0, 0, 0]);
  const steps = tensor(3, { dtype: "int64" });
  const [sum, all] = run(summing(["steps", "", "start"]), { steps, start, x });
  expect([...(await sum!.numbers())]).toEqual([3, 6, 9]);
  expect(all!.shape).toEqual([3, 3]);
  expect([...(await all!.numbers())]).toEqual([1, 2, 3, 2, 4, 6, 3, 6, 9]);
  const [dx] = gradients(sum!.sum(), [x]);
  expect([...(await dx!.numbers())]).toEqual([3, 3, 3]);
});

test("a loop of no step that collects has no shape to give", () => {
  const given = { steps: tensor(0, { dtype: "int64" }), start: tensor([0, 0, 0]), x };
  expect(() => run(summing(["steps", "", "start"]), given)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "Loop" (Loop) collects the results of no step, whose shape is not known.]`,
  );
});

test("a loop without an end is refused", () => {
  const given = { c: yes, start: tensor([0, 0, 0]), x };
  expect(() => run(summing(["", "c", "start"]), given)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "Loop" (Loop) takes more than 4096 steps.]`,
  );
});

test("a loop whose end values decide is refused", () => {
  const deciding = node("Loop", ["steps", "", "start"], ["y0"], {
    body: body(
      [port("i", "int64"), port("c", "bool"), port("s")],
      [
        node("Add", ["s", "x"], ["sum"]),
        node("ReduceMax", ["sum"], ["most"], { keepdims: 0 }),
        node("Less", ["most", "most"], ["next"]),
      ],
      ["next", "sum"],
    ),
  });
  const given = {
    steps: tensor(3, { dtype: "int64" }),
    start: tensor([0, 0, 0]),
    x: placeholder(x),
  };
  expect(() => run(deciding, given)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "Loop" (Loop) goes on or ends by what it computes.]`,
  );
});

test("a scan goes along its axes in its directions", async () => {
  const scan = node("Scan", ["start", "x"], ["y0", "y1"], {
    body: body(
      [port("s"), port("e")],
      [node("Add", ["s", "e"], ["sum"]), node("Identity", ["sum"], ["kept"])],
      ["sum", "kept"],
    ),
    num_scan_inputs: 1,
    scan_input_axes: [1],
    scan_input_directions: [1],
    scan_output_axes: [-1],
    scan_output_directions: [1],
  });
  const given = {
    start: tensor([0, 0]),
    x: tensor([
      [1, 2, 3],
      [10, 20, 30],
    ]),
  };
  const [sum, all] = run(scan, given);
  expect([...(await sum!.numbers())]).toEqual([6, 60]);
  // from the end: 3, 5, 6, put down from the end too
  expect([...(await all!.numbers())]).toEqual([6, 5, 3, 60, 50, 30]);
});

test("a node without its body is refused", () => {
  expect(() => run(node("If", ["c"], ["y0"]), { c: yes })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "If" (If) lacks its body "then_branch".]`,
  );
});
