import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { cli } from "../../test/cli-host.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "patchclamp-quantize-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Told {
  readonly bytes: { readonly before: number; readonly after: number };
  readonly loss: {
    readonly klNats: number;
    readonly agreement: number;
    readonly perplexity: { readonly before: number; readonly after: number };
  } | null;
}

test("q8 tells at most 0.001 nats of loss at a quarter of the size, on texts that the organism writes", async () => {
  const { stdout } = await cli("quantize", "organism:stories", "--weights", "q8", "--json");
  const { bytes, loss } = JSON.parse(stdout) as Told;
  expect(bytes.after / bytes.before).toBeLessThan(0.28);
  expect(loss!.klNats).toBeLessThan(1e-3);
  expect(loss!.klNats).toBeGreaterThan(1e-7);
  expect(loss!.agreement).toBeGreaterThan(0.93);
  expect(Math.abs(loss!.perplexity.after / loss!.perplexity.before - 1)).toBeLessThan(0.01);
});

test("a network that was saved in four bits is a network like others", async () => {
  const out = join(folder, "stories-q4");
  const { exitCode, stdout, stderr } = await cli("quantize", "organism:stories", "--out", out);
  expect([exitCode, stderr.split("\n")[0]]).toEqual([0, expect.stringContaining("Saved to")]);
  expect(stdout).toMatch(/times smaller/);
  expect(await readdir(out)).toEqual([
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  const whole = await stat("organisms/stories/model.safetensors");
  const small = await stat(join(out, "model.safetensors"));
  expect(small.size / whole.size).toBeLessThan(0.4);
  const ran = await cli("generate", out, "Mira found a red kite.", "--max-tokens", "3", "--json");
  expect(ran.exitCode).toBe(0);
  const again = await cli("quantize", "organism:stories", "--out", out);
  expect(again.exitCode).toBe(1);
  expect(again.stderr.replaceAll(out, "OUT")).toMatchInlineSnapshot(`
    "quantize: OUT holds config.json, which the new network would replace.
      fix: name another folder with --out.
    "
  `);
});

test("texts of the caller's are what is compared, and without comparison there is no loss to tell", async () => {
  const args = ["quantize", "organism:stories", "--text", "Mira found a red kite.", "--json"];
  const { loss } = JSON.parse((await cli(...args)).stdout) as Told & {
    loss: { positions: number };
  };
  expect(loss).toMatchObject({ positions: 6 });
  const unmeasured = JSON.parse((await cli(...args, "--unmeasured")).stdout) as Told;
  expect(unmeasured.loss).toBeNull();
});

test("a GGUF file is not saved as a folder", async () => {
  const file = "test/golden/gguf/llama.gguf";
  const { exitCode, stderr } = await cli("quantize", file, "--out", join(folder, "gguf"));
  expect(exitCode).toBe(1);
  expect(stderr).toMatchInlineSnapshot(`
    "quantize: test/golden/gguf/llama.gguf is a GGUF file, whose tokenizer cannot be written to a folder.
      fix: leave out --out and open it with --weights, or quantize the folder it was made from.
    "
  `);
});
