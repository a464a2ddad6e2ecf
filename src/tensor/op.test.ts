import * as fc from "fast-check";
import { expect, test } from "vitest";

import { allOps, zeros } from "../runtime/index.ts";
import { broadcastShapes, defineOp, dtypeOfArray, sameDType, showShape } from "./op.ts";
import { DTYPES, hostArray } from "./tensor.ts";

const shapes = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 3 });

test("broadcasting does not depend on the order of the shapes and keeps what it made", () => {
  const attempt = (...given: number[][]): string => {
    try {
      return showShape(broadcastShapes("demo", ...given));
    } catch {
      return "refused";
    }
  };
  fc.assert(
    fc.property(shapes, shapes, (a, b) => {
      const result = attempt(a, b);
      expect(attempt(b, a)).toBe(result);
      if (result === "refused") return;
      const made = broadcastShapes("demo", a, b);
      expect(attempt(made, a)).toBe(result);
      expect(
        made.every((size, i) => [1, undefined, size].includes(a[i - made.length + a.length])),
      ).toBe(true);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("a size of 0 broadcasts with 1 and with nothing else", () => {
  expect(broadcastShapes("demo", [0], [1])).toEqual([0]);
  expect(broadcastShapes("demo", [1], [0])).toEqual([0]);
  expect(() => broadcastShapes("demo", [0], [2])).toThrow("axis -1 is 0 and 2");
  expect(() => broadcastShapes("demo", [2], [0])).toThrow("axis -1 is 2 and 0");
});

test("shapes that do not fit say which axis of all shapes", () => {
  expect(() => broadcastShapes("demo", [2, 3], [1, 3], [4, 3])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: demo: cannot broadcast [2, 3] with [1, 3] with [4, 3]: axis -2 is 2 and 4.
      fix: make the sizes equal, or 1 where a value is to be repeated.]
  `);
});

test("types are compared before they are checked against what is allowed", () => {
  const x = zeros([1]);
  const n = zeros([1], "int32");
  expect(sameDType("demo", [x, x], ["float32"])).toBe("float32");
  expect(() => sameDType("demo", [x, n], ["float32"])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: demo: the inputs are float32 and int32, not of one type.
      fix: cast one of them, as in x.cast("float32").]
  `);
  expect(() => sameDType("demo", [n], ["float32", "bool"])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: demo: cannot work on int32; it takes float32, bool.
      fix: cast the input, as in x.cast("float32").]
  `);
});

test("two ops cannot share a name", () => {
  expect(() => defineOp(allOps().get("add")!)).toThrow('two ops are called "add"');
});

test("every op but the leaf has a sample and is found by its name", () => {
  const bare = [...allOps()].filter(([, op]) => op.samples.length === 0).map(([name]) => name);
  expect(bare).toEqual(["leaf"]);
  expect([...allOps()].every(([name, op]) => op.name === name)).toBe(true);
});

test("a host array's own dtype holds it", () => {
  for (const dtype of DTYPES) {
    const own = dtypeOfArray(hostArray(dtype, 1));
    expect(own).toBe(dtype === "bool" ? "uint8" : dtype);
  }
});
