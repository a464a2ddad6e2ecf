import { expect, test } from "vitest";

import { tensor } from "../../runtime/index.ts";
import { gradients } from "../../tensor/gradients.ts";
import { foreign } from "./foreign.ts";

const x = tensor([[1, 3, 2]]);

test("a node as it stands gives what the engine makes of it, texts among its attributes", async () => {
  const [y] = foreign(
    "DepthToSpace",
    [tensor([1, 2, 3, 4]).reshape([1, 4, 1, 1])],
    {
      blocksize: 2,
      mode: "CRD",
    },
    [{ shape: [1, 1, 2, 2], dtype: "float32" }],
  );
  expect([...(await y!.numbers())]).toEqual([1, 2, 3, 4]);
});

test("a node that gives another number of elements than was foretold is an error and no value", async () => {
  const [y] = foreign("Hardmax", [x], { axis: 1 }, [{ shape: [1, 2], dtype: "float32" }]);
  await expect(y!.data()).rejects.toThrow(/it gave \[1, 3\] where \[1, 2\] was to come/);
});

test("there is no gradient through it, and the operator is named", () => {
  const [y] = foreign("Hardmax", [x], { axis: 1 }, [x]);
  expect(() => gradients(y!.sum(), [x])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: gradients: cannot differentiate through foreign: ONNX Runtime runs Hardmax as it stands in the file.
      fix: use stopGradient or straightThrough around it.]
  `);
});
