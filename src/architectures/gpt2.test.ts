import { expect, test } from "vitest";

import { maxDifference, tinyGpt2Config, tinyNetwork } from "../../test/tiny.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { architectures } from "./index.ts";
import { gpt2Family } from "./gpt2.ts";

const prompt = [3, 1, 4, 1, 5];

async function logits(net: LanguageNetwork): Promise<ArrayLike<number>> {
  return (await net.run(prompt)).logits.numbers();
}

test("config.json names the family", () => {
  expect(architectures).toContain("GPT2LMHeadModel");
});

test("the layout names every tensor once, but for the parts of the fused ones", () => {
  const layout = gpt2Family.layout(gpt2Family.config(tinyGpt2Config));
  const paths = layout.map(({ path }) => path);
  expect(new Set(paths).size).toBe(paths.length);
  const whole = layout.filter(({ part }) => part === undefined).map(({ name }) => name);
  expect(new Set(whole).size).toBe(whole.length);
  expect(layout.filter(({ name }) => name === "transformer.h.1.attn.c_attn.weight")).toEqual(
    ["q", "k", "v"].map((letter, i) => ({
      path: `blocks.1.attn.${letter}.weight`,
      name: "transformer.h.1.attn.c_attn.weight",
      shape: [16, 16],
      isTransposed: true,
      part: { start: 16 * i, total: 48 },
    })),
  );
});

test("a site that the family is said to lack is none of its sites", async () => {
  const names = (await tinyNetwork("gpt2")).sites().map(({ name }) => name);
  const absent = Object.keys(gpt2Family.absent);
  expect(absent).not.toEqual([]);
  expect(absent.filter((site) => names.some((name) => name.endsWith(site)))).toEqual([]);
});

test.each([
  ["scale_attn_weights", false],
  ["scale_attn_by_inverse_layer_idx", true],
  ["layer_norm_epsilon", 0.5],
  ["activation_function", "relu"],
])("%s = %j changes the numbers", async (key, value) => {
  const plain = await logits(await tinyNetwork("gpt2"));
  const changed = await logits(await tinyNetwork("gpt2", { config: { [key]: value } }));
  expect(maxDifference(plain, changed)).toBeGreaterThan(1e-3);
});

test("scaling by layer divides the scores of layer i by i + 1", async () => {
  const scores = async (config: Readonly<Record<string, unknown>>): Promise<ArrayLike<number>> => {
    const net = await tinyNetwork("gpt2", { config });
    // the same queries and keys in both networks, and one position, so that nothing is masked
    const edit = {
      "blocks.1.resid_pre": (x: ReturnType<typeof net.trace>["logits"]) =>
        x.onesLike().cumsum({ axis: -1 }),
    };
    return (await net.run([1], { capture: "blocks.1.attn.scores", edit }))
      .at("blocks.1.attn.scores")
      .numbers();
  };
  const plain = await scores({});
  const halved = await scores({ scale_attn_by_inverse_layer_idx: true });
  expect(
    maxDifference(
      Array.from(plain, (score) => score / 2),
      halved,
    ),
  ).toBeLessThanOrEqual(1e-5);
});

test("positions matter: the order of tokens changes the last logits", async () => {
  const net = await tinyNetwork("gpt2");
  const last = async (ids: number[]): Promise<ArrayLike<number>> =>
    (await net.run(ids)).logits.slice({ axis: 1, start: -1 }).numbers();
  expect(maxDifference(await last([1, 2, 3]), await last([2, 1, 3]))).toBeGreaterThan(1e-3);
});
