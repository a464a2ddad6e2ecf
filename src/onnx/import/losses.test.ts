import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { drawn, input, traced } from "../../../test/onnx-engine.ts";
import { expectGradient } from "../../../test/onnx-gradients.ts";
import { Rng } from "../../core/rng.ts";

const loss = (attrs: NodeForm["attrs"], target: readonly number[]): NodeForm => ({
  opType: "SoftmaxCrossEntropyLoss",
  attrs: { ...attrs },
  inputs: [drawn(new Rng(1), [3, 4]), input([3], target, "int64"), input([4], [1, 2, 0.5, 1])],
});

test("what is ignored counts nothing, even where it is no class", async () => {
  const attrs = { ignore_index: -100, reduction: "none" };
  const got = await traced(loss(attrs, [1, -100, 3]))[0]!.numbers();
  const all = await traced(loss({ reduction: "none" }, [1, 0, 3]))[0]!.numbers();
  expect([...got]).toEqual([all[0], 0, all[2]]);
});

test.each(["mean", "sum", "none"])("the loss reduced by %s has a gradient", async (reduction) => {
  await expectGradient(loss({ reduction, ignore_index: 2 }, [1, 2, 3]), [0, 2]);
});

test("a reduction that there is not is refused", () => {
  expect(() => traced(loss({ reduction: "most" }, [0, 1, 2]))).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (SoftmaxCrossEntropyLoss) has the reduction "most".]`,
  );
});
