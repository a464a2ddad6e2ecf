import { expect, test } from "vitest";

import { exportFiles, openExport } from "../../test/golden/onnx/exports.ts";
import { tensor } from "../runtime/index.ts";
import { PlainSession } from "../runtime/plain-session.ts";
import { surgery } from "../onnx/surgery/index.ts";
import { adapter } from "../values/index.ts";
import type { Adapter } from "../values/index.ts";
import { mergeOnnx } from "./merge-onnx.ts";

const rows = (count: number, width: number, salt: number): number[][] =>
  Array.from({ length: count }, (_, i) =>
    Array.from({ length: width }, (_, j) => Math.sin(salt + 3 * i + j)),
  );

const a = rows(2, 16, 1);
const b = rows(16, 2, 2);

function on(target: string): Adapter {
  return adapter({ alpha: 4, targets: { [target]: { a, b } } });
}

test("a weight whose constant an exporter renamed is found by its module, and changes as a traced edit says", async () => {
  const { network, given } = await openExport("bert-script");
  const model = await surgery({ files: exportFiles, path: "bert-script.onnx" });
  const { model: merged, weights } = mergeOnnx(
    model,
    on("bert.encoder.layer.0.attention.self.query.weight"),
    { strength: 0.5 },
  );
  expect(Object.values(weights)).toEqual(["onnx::MatMul_368"]);
  // x Wᵀ + strength * alpha / rank * x Aᵀ Bᵀ
  const query = "/model/bert/encoder/layer.0/attention/self/query/MatMul_output_0";
  const ours = await network.run(given, {
    edit: {
      [query]: (x, { sites }) => {
        const low = sites.get("blocks.0.resid_pre")!.matmul(tensor(a), { transposeB: true });
        return x.add(low.matmul(tensor(b), { transposeB: true }));
      },
    },
  });
  await using session = await PlainSession.open(await merged.bytes());
  const { logits } = await session.run(ours.inputs);
  const expected = await ours.at("logits").numbers();
  // float32: two blocks of width 16
  for (const [i, x] of logits!.numbers.entries()) expect(x).toBeCloseTo(expected[i]!, 4);
});

test("a weight whose constant keeps the end of its name is found by it", async () => {
  const model = await surgery({ files: exportFiles, path: "gpt2-script.onnx" });
  const { weights } = mergeOnnx(model, on("transformer.h.1.attn.c_proj.weight"));
  expect(weights).toEqual({
    "transformer.h.1.attn.c_proj.weight": "model.transformer.h.1.attn.c_proj.weight",
  });
});

test("a weight that the model does not have is refused with the nearest names", async () => {
  const model = await surgery({ files: exportFiles, path: "gpt2-script.onnx" });
  expect(() => mergeOnnx(model, on("transformer.h.7.attn.c_proj.weight")))
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mergeOnnx: the adapter changes "transformer.h.7.attn.c_proj.weight", which is no constant of the model and no module that reads one; nearest: model.transformer.h.0.attn.c_proj.weight, model.transformer.h.1.attn.c_proj.weight, model.transformer.h.0.attn.c_attn.weight.
      fix: use an adapter that was trained for this network, or name the model's own constants in it.]
  `);
});

test("a name that could be several weights is refused", async () => {
  const model = await surgery({ files: exportFiles, path: "gpt2-script.onnx" });
  expect(() => mergeOnnx(model, on("c_proj.weight"))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: mergeOnnx: the adapter changes "c_proj.weight", which could be "model.transformer.h.0.attn.c_proj.weight" or "model.transformer.h.0.mlp.c_proj.weight" or "model.transformer.h.1.attn.c_proj.weight" or "model.transformer.h.1.mlp.c_proj.weight".
      fix: name the constant of the model in the adapter.]
  `);
});
