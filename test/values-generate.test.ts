// Interventions in a prompt and in the steps after it: the same numbers as in one pass over the whole text.

import { expect, test } from "vitest";

import { Rng } from "../src/core/rng.ts";
import type { Tree } from "../src/core/tree.ts";
import { leaves } from "../src/core/tree.ts";
import type { LanguageNetwork } from "../src/network/language.ts";
import type { DecoderCache, DecoderInputs, TokenBatch } from "../src/network/prompt.ts";
import { batchInputs } from "../src/network/prompt.ts";
import type { StepInputs } from "../src/network/row-cache.ts";
import { RowCache } from "../src/network/row-cache.ts";
import { recordingTap } from "../src/network/tap.ts";
import { compile, evaluate } from "../src/tensor/evaluate.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import type { InterventionPlan, InterventionSet, PlanInputs } from "../src/values/index.ts";
import { interventionSet, placesOf, planRows, stepPlaces } from "../src/values/index.ts";
import { maxDifference, tinyNetwork } from "./tiny.ts";

interface PassResult {
  readonly logits: Tensor;
  readonly keys: Record<string, Tensor>;
  readonly values: Record<string, Tensor>;
  readonly states: Record<string, readonly Tensor[]>;
  /** What conditions keep. */
  readonly kept: Record<string, Tensor>;
}

/** One pass with a cache, as generation makes it. */
function pass(
  net: LanguageNetwork,
  plan: InterventionPlan,
  given: Omit<DecoderInputs, "cache"> & Pick<DecoderCache, "past">,
  woven: { readonly inputs: PlanInputs; readonly kept: Readonly<Record<string, Tensor>> },
): PassResult {
  const result: PassResult = { logits: given.tokens, keys: {}, values: {}, states: {}, kept: {} };
  const cache: DecoderCache = {
    past: given.past,
    state: () => undefined,
    store: (layer, k, v) => {
      result.keys[layer] = k;
      result.values[layer] = v;
    },
    keep: () => undefined,
    revise: () => undefined,
  };
  const edits = plan.edits(woven.inputs, {
    recall: (name) => woven.kept[name],
    keep: (name, state) => {
      result.kept[name] = state;
    },
  });
  const { tap } = recordingTap({
    edits: new Map([...edits].map(([site, edit]) => [site, [edit]])),
  });
  const { past: _, ...inputs } = given;
  const logits = net.forward(net.params as never, { ...inputs, cache }, tap);
  return { ...result, logits: logits.slice({ axis: 1, start: -1 }).squeeze(1) };
}

/** Logits that predict each next token of `texts`, after a prompt of each; [step][row * dVocab]. */
async function stepwise(
  net: LanguageNetwork,
  plan: InterventionPlan,
  { texts, prompts, strengths }: { texts: number[][]; prompts: number[]; strengths: number[] },
): Promise<Float32Array[]> {
  const steps = texts[0]!.length - prompts[0]!;
  const upTo = (step: number): number[][] =>
    texts.map((row, i) => row.slice(0, prompts[i]! + step));
  const strength = strengths;
  const batch: TokenBatch = net.tokens(upTo(0));
  const first = pass(
    net,
    plan,
    { ...batchInputs(batch), past: () => undefined },
    { inputs: plan.inputs(placesOf(batch), { strength }), kept: {} },
  );
  await evaluate(leaves<Tensor>(first as unknown as Tree<Tensor>).map(([, tensor]) => tensor));
  let traces = 0;
  const decode = compile(
    ({ keys, values, ...inputs }: StepInputs, woven: PlanInputs, kept: Record<string, Tensor>) => {
      traces++;
      const past = (layer: number) => ({ k: keys[layer]!, v: values[layer]! });
      return pass(net, plan, { ...inputs, past }, { inputs: woven, kept });
    },
  );
  const cache = await RowCache.of(batch.lengths, first);
  const logits = [(await first.logits.numbers()) as Float32Array];
  let latest = first;
  for (let step = 1; step <= steps; step++) {
    if (step > 1)
      await cache.append(
        latest,
        prompts.map(() => 1),
      );
    const ids = upTo(step);
    const inputs = plan.inputs(stepPlaces(ids, prompts), { strength });
    latest = await decode(
      cache.stepInputs({ rows: ids.map((row) => row.slice(-1)), width: 1 }),
      inputs,
      latest.kept,
    );
    logits.push((await latest.logits.numbers()) as Float32Array);
  }
  expect(traces).toBe(1);
  return logits;
}

test.each(["gpt2", "llama"] as const)(
  "a prompt and cached steps of a %s give what one pass over the text gives, with interventions of each row's own",
  async (family) => {
    const net = await tinyNetwork(family);
    const rng = new Rng(11);
    const site = "blocks.0.resid_post";
    const linear = (at: string, threshold = 0) =>
      ({ kind: "linear", site: at, direction: rng.normals(16), threshold }) as const;
    const texts = [
      [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8],
      [2, 7, 1, 8, 2, 8, 1, 8, 2, 8],
      [1, 6, 1, 8, 0, 3, 3, 9, 8, 8, 7],
    ];
    const prompts = [5, 3, 4];
    const sets: InterventionSet[] = [
      interventionSet({
        interventions: [
          { kind: "add", site, vector: rng.normals(16), at: { phase: "generated" } },
          {
            kind: "clamp",
            site: "blocks.1.resid_mid",
            direction: rng.normals(16),
            min: 3,
            when: { probe: linear(site, 1), release: -2 },
          },
          { kind: "scale", site: "blocks.1.mlp_out", gain: 2, at: { tokens: [8, [5, 9]] } },
        ],
      }),
      interventionSet({
        interventions: [
          { kind: "add", site, vector: rng.normals(16), at: { windows: [{ from: -2 }] } },
          {
            kind: "ablate",
            site: "blocks.1.attn_out",
            when: { probe: linear("blocks.0.resid_pre", -5), per: "prompt" },
          },
        ],
      }),
      interventionSet({
        interventions: [
          {
            kind: "project-out",
            site,
            basis: rng.normals(16),
            when: { probe: linear("blocks.0.resid_mid"), negate: true },
          },
        ],
      }),
    ];
    const select = (name: string) => net.sites().filter((known) => known.name === name);
    const plan = planRows(
      sets.map((set) => [set]),
      { select },
    );
    const strengths = [1.5, -1, 0.7];
    const found = await stepwise(net, plan, { texts, prompts, strengths });
    const places = placesOf(net.tokens(texts), prompts);
    const edit = Object.fromEntries(plan.edits(plan.inputs(places, { strength: strengths })));
    const whole = await (await net.run(texts, { edit })).logits.numbers();
    const plain = await (await net.run(texts)).logits.numbers();
    const { dVocab } = net.config;
    const columns = Math.max(...texts.map((row) => row.length));
    let moved = 0;
    for (const [step, logits] of found.entries()) {
      for (const [row, text] of texts.entries()) {
        const position = prompts[row]! + step - 1;
        if (position >= text.length) continue;
        const start = (row * columns + columns - text.length + position) * dVocab;
        const own = logits.subarray(row * dVocab, (row + 1) * dVocab);
        const expected = whole.subarray(start, start + dVocab);
        expect(maxDifference(own, expected as Float32Array)).toBeLessThan(1e-4); // the bar of cached against uncached
        moved = Math.max(moved, maxDifference(own, plain.subarray(start, start + dVocab)));
      }
    }
    expect(moved).toBeGreaterThan(0.5);
  },
);
