import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { SavedOnnx } from "../checkpoints/save-onnx.ts";
import { interventionSet, writeInterventions } from "../checkpoints/values/index.ts";
import { cli } from "../../test/cli-host.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-export-"));
});
afterAll(() => rm(folder, { recursive: true }));

type Told = Omit<SavedOnnx, "parity"> & { readonly parity: SavedOnnx["parity"] | null };

test("a steered network is a folder for transformers.js whose model computes what the network does", async () => {
  const out = join(folder, "steered");
  const vector = Array.from({ length: 128 }, (_, i) => Math.sin(i));
  const add = { kind: "add", site: "blocks.1.resid_post", vector, scale: 0.5 } as const;
  const file = join(folder, "wave.safetensors");
  await writeFile(file, writeInterventions(interventionSet({ interventions: [add] })));
  const args = ["export", "organism:stories", "--out", out, "--interventions", file, "--json"];
  const { exitCode, stdout, stderr } = await cli(...args);
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining("Saved to")]);
  const told = JSON.parse(stdout) as Told;
  expect(told).toMatchObject({ model: "onnx/model.onnx", dtype: "fp32", strength: 1 });
  expect(told.parity!.maxAbs).toBeLessThan(1e-4); // float32, logits of order 10
  expect(told.parity!.change!.maxAbs).toBeGreaterThan(1);
  expect(told.parity!.greedy.same).toBe(told.parity!.greedy.tokens);
  expect(await readdir(out, { recursive: true })).toEqual(
    expect.arrayContaining([
      "config.json",
      "generation_config.json",
      "onnx/model.onnx",
      "onnx/model.parity.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ]),
  );
  const beside = await readFile(join(out, "onnx/model.parity.json"), "utf8");
  expect(JSON.parse(beside)).toEqual(told.parity);
});

test("the report says how far file and network are apart", async () => {
  const out = join(folder, "report");
  const args = ["export", "organism:stories", "--out", out, "--text", "Mira found a red kite."];
  const { exitCode, stdout } = await cli(...args, "--weights", "q4");
  expect(exitCode).toBe(0);
  const steady = stdout.replaceAll(out, "OUT").replaceAll(/ +\d\.\de[+-]\d+/g, " SMALL");
  expect(steady).toMatchInlineSnapshot(`
    "organism:stories as ONNX
    OUT/onnx/model_q4.onnx, q4, 0.55 MB
    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━

                                          file against network
    ────────────────────────────────────  ────────────────────
    largest difference of logits SMALL
    divergence of predictions (KL, nats) SMALL
    same tokens, written greedily                     12 of 12

    The file ran in ONNX Runtime alone, on 1 text of 7 positions.
    "
  `);
});

test("a folder must be named, hold no such model yet, and be that of the same network", async () => {
  const missing = await cli("export", "organism:stories");
  expect([missing.exitCode, missing.stderr]).toMatchInlineSnapshot(`
    [
      1,
      "export: no folder is named.
      fix: add --out FOLDER.
    ",
    ]
  `);
  const out = join(folder, "taken");
  const args = ["export", "organism:stories", "--out", out, "--unmeasured"];
  const { exitCode, stdout } = await cli(...args, "--json");
  expect([exitCode, (JSON.parse(stdout) as Told).parity]).toEqual([0, null]);
  const again = await cli(...args);
  expect(again.exitCode).toBe(1);
  expect(again.stderr.replaceAll(out, "OUT")).toMatchInlineSnapshot(`
    "saveOnnx: OUT holds onnx/model.onnx already.
      fix: save to another folder.
    "
  `);
});

test("a GGUF file is not exported", async () => {
  const file = "test/golden/gguf/llama.gguf";
  const { exitCode, stderr } = await cli("export", file, "--out", join(folder, "gguf"));
  expect(exitCode).toBe(1);
  expect(stderr).toMatchInlineSnapshot(`
    "export: test/golden/gguf/llama.gguf is a GGUF file, which has no config.json and no tokenizer.json to go along.
      fix: export the folder that it was made from.
    "
  `);
});
