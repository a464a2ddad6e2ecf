import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";

import { collect, concat, ones } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { fromHost, placeholder } from "../tensor/leaf.ts";
import { exportGraph } from "./export.ts";
import type { SizedTrace } from "./export.ts";
import { modelBytes } from "./write.ts";

const SIZES = [
  { rows: 7, columns: 307 },
  { rows: 11, columns: 313 },
  { rows: 13, columns: 331 },
];

/** Traces a function of x, float32 [rows, columns]. */
function traces(of: (x: Tensor, sizes: { rows: number; columns: number }) => Tensor): SizedTrace[] {
  return SIZES.map((sizes) => {
    const x = placeholder({ shape: [sizes.rows, sizes.columns], dtype: "float32" }, "x");
    return { sizes, graph: collect([of(x, sizes)]), inputs: new Map([["x", x]]), outputs: ["y"] };
  });
}

const options = { where: "exportSomething", weights: new Map<Tensor, string>() };

/** The exported function at [2, 3], which is none of the sizes it was traced at. */
async function exported(of: Parameters<typeof traces>[0]): Promise<ort.Tensor> {
  const bytes = await modelBytes("exportSomething", await exportGraph(traces(of), options));
  const session = await ort.InferenceSession.create(bytes);
  const x = new ort.Tensor("float32", Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  const { y } = await session.run({ x });
  await session.release();
  return y as ort.Tensor;
}

test("shapes follow the sizes of what comes in", async () => {
  const y = await exported((x, { rows, columns }) => x.reshape([columns, rows]).sum({ axis: 0 }));
  expect([y.dims, [...(y.data as Float32Array)]]).toEqual([[2], [9, 12]]);
});

test("sums and products of sizes are computed where the model runs", async () => {
  const y = await exported((x, { rows, columns }) => {
    const flat = x.reshape([rows * columns]);
    return concat([flat, flat, ones([rows])], { axis: 0 });
  });
  expect(y.dims).toEqual([2 * 6 + 2]);
});

test("a count up to a size goes on counting at other sizes", async () => {
  const y = await exported((x, { columns }) =>
    x.add(
      fromHost(
        Float32Array.from({ length: columns }, (_, i) => i),
        { shape: [columns], dtype: "float32" },
      ),
    ),
  );
  expect([...(y.data as Float32Array)]).toEqual([1, 3, 5, 4, 6, 8]);
});

test("the model says which of its sizes are open, and what they are called", async () => {
  const { form } = await exportGraph(
    traces((x, { rows, columns }) => x.reshape([rows * columns, 1]).mul(2)),
    options,
  );
  expect(form.inputs).toEqual([{ name: "x", onnxType: 1, shape: ["rows", "columns"] }]);
  expect(form.outputs).toEqual([{ name: "y", onnxType: 1, shape: ["rows * columns", 1] }]);
});

test("weights keep their names, and are not read before the model is written", async () => {
  let reads = 0;
  const weight = fromHost(Float32Array.of(1, 2), { shape: [2, 1], dtype: "float32" });
  const value = weight.value!;
  weight.value = { ...value, read: async () => (reads++, value.read()) };
  const model = await exportGraph(
    traces((x) => x.sum({ axis: 1 }).mul(weight)),
    { ...options, weights: new Map([[weight, "scale"]]) },
  );
  expect(model.weights.map(({ name, size }) => [name, size])).toEqual([["scale", 8]]);
  expect(reads).toBe(0);
});

test("a function that does other things at other sizes is refused", async () => {
  const branching = traces((x, { rows }) => (rows > 10 ? x.exp() : x.mul(2)));
  await expect(exportGraph(branching, options)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: exportSomething: the network computes otherwise at other lengths, so no one graph serves all.
      fix: export it at fixed sizes, or leave out what looks at sizes.]
  `);
});

test("a number that is no sum or product of sizes is refused", async () => {
  const cutting = traces((x, { columns }) => x.slice({ axis: 1, end: Math.floor(columns / 2) }));
  await expect(exportGraph(cutting, options)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: exportSomething: a number of the graph depends on the length of the text in a way that is not written down.
      fix: export it at fixed sizes.]
  `);
});

test("data that differs from size to size and is no count is refused", async () => {
  const squares = traces((x, { columns }) => {
    const data = Float32Array.from({ length: columns }, (_, i) => i * i);
    return x.add(fromHost(data, { shape: [columns], dtype: "float32" }));
  });
  await expect(exportGraph(squares, options)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: exportSomething: a number of the graph depends on the length of the text in a way that is not written down.
      fix: export it at fixed sizes.]
  `);
});
