// Identities that hold in every network that reads tokens, as far as it has the sites they speak of. A network that breaks one has a wrong number somewhere
// that may look right, so they are checked when a network is loaded, on a few tokens.

import { PatchClampError } from "../core/errors.ts";
import { evaluate } from "../tensor/evaluate.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EncoderNetwork } from "./encoder.ts";
import type { LanguageNetwork } from "./language.ts";
import type { Network, Pass } from "./network.ts";
import { blockCount } from "./sites.ts";

/** One identity and how far a network is from it. */
export interface Invariant {
  readonly claim: string;
  /** Largest absolute difference, over the scale of what is compared. */
  readonly error: number;
}

// float32 sums of up to a few thousand terms in another order
const TOLERANCE = 2e-4;

/**
 * Checks the identities of a decoder.
 *
 * @returns how far each one is from holding
 * @throws PatchClampError `INVARIANT_BROKEN` naming the first that does not hold
 */
export async function checkInvariants(net: LanguageNetwork): Promise<readonly Invariant[]> {
  const prompt = tokensFor(net);
  const cached = {
    claim: "cached decoding equals the full pass",
    error: await cachedError(net, prompt),
  };
  return judged("loadNetwork", net.name, [...(await measured(net, prompt)), cached]);
}

/**
 * Checks the identities of a text encoder.
 *
 * @returns how far each one is from holding
 * @throws PatchClampError `INVARIANT_BROKEN` naming the first that does not hold
 */
export async function checkEncoderInvariants(net: EncoderNetwork): Promise<readonly Invariant[]> {
  const ids = tokensFor(net);
  const padding = {
    claim: "a padded row gives the numbers it gives alone",
    error: await paddingError(net, ids),
  };
  return judged("loadEncoder", net.name, [...(await measured(net, ids)), padding]);
}

/** A few token ids that a network knows. */
function tokensFor({ config }: LanguageNetwork | EncoderNetwork): number[] {
  return Array.from({ length: Math.min(4, config.nCtx) }, (_, i) => (i * 7 + 3) % config.dVocab);
}

async function measured<Given>(net: Network<Given>, given: Given): Promise<Invariant[]> {
  const found: Invariant[] = [];
  for (const [claim, pairs] of comparisons(net, given)) {
    const errors: number[] = [];
    for (const [a, b] of pairs) errors.push(await distance(a, b));
    if (errors.length > 0) found.push({ claim, error: Math.max(...errors) });
  }
  return found;
}

function judged(where: string, network: string, found: readonly Invariant[]): readonly Invariant[] {
  const broken = found.find(({ error }) => !(error <= TOLERANCE));
  if (broken === undefined) return found;
  throw new PatchClampError("INVARIANT_BROKEN", {
    where,
    problem: `in ${network}, "${broken.claim}" is off by ${broken.error.toExponential(1)} of its scale, so some of its numbers are wrong.`,
    fix: "check that the weights belong to this config.",
    facts: { invariants: found },
  });
}

type Pairs = readonly (readonly [Tensor, Tensor])[];

function comparisons<Given>(
  net: Network<Given>,
  given: Given,
): readonly (readonly [string, Pairs])[] {
  const pass = net.trace(given);
  const sites = new Set(net.sites().map(({ name }) => name));
  const blocks = Array.from({ length: blockCount(sites) }, (_, i) => `blocks.${i}`);
  const { output } = net;
  const end = (own: Pass): Tensor => own.at(output);
  const at = (block: string, site: string): Tensor => pass.at(`${block}.${site}`);
  const watched = net.trace(given, { watch: "**" });
  const zero = net.trace(given, {
    edit: Object.fromEntries(
      blocks.map((block) => [`${block}.resid_post`, (x: Tensor) => x.add(x.mul(0))]),
    ),
  });
  const have = (...names: string[]): string[] =>
    blocks.filter((block) => names.every((name) => sites.has(`${block}.${name}`)));
  const order = [...sites];
  // where the first norm follows attention, the stream itself is normalised, and the block is no plain sum
  const isSum = (block: string): boolean => {
    const attnOut = order.indexOf(`${block}.attn_out`);
    return attnOut < 0 || order.indexOf(`${block}.ln1.normalized`) < attnOut;
  };
  const written = ["attn_out", "mlp_out", "ssm_out", "cross_out"];
  return [
    [
      "pattern rows sum to 1",
      have("attn.pattern").map((block) => {
        const sums = at(block, "attn.pattern").sum({ axis: -1, keepDims: true });
        const sink = sites.has(`${block}.attn.sink`) ? sums.add(at(block, "attn.sink")) : sums;
        return [sink, sink.onesLike()];
      }),
    ],
    [
      "pattern times values is z",
      have("attn.pattern", "attn.v", "attn.z").map((block) => [
        mix(at(block, "attn.pattern"), at(block, "attn.v")),
        at(block, "attn.z"),
      ]),
    ],
    [
      "resid_pre and what the block writes is resid_post",
      have("resid_pre", "resid_post")
        .filter(isSum)
        .map((block) => [
          written
            .filter((name) => sites.has(`${block}.${name}`))
            .reduce((sum, name) => sum.add(at(block, name)), at(block, "resid_pre")),
          at(block, "resid_post"),
        ]),
    ],
    // also where a fused kernel hides the value, as it does before gain and bias of a norm
    [`going on from the recorded values gives the same ${output}`, [[end(watched), end(pass)]]],
    ["an added vector of scale 0 changes nothing", [[end(zero), end(pass)]]],
  ];
}

/** pattern [batch, head, query, key] @ v [batch, key, kvHead, dHead], as [batch, query, head, dHead]. */
function mix(pattern: Tensor, v: Tensor): Tensor {
  const [batch, nHeads, query, key] = pattern.shape as [number, number, number, number];
  const [, , nKvHeads, dHead] = v.shape as [number, number, number, number];
  const group = nHeads / nKvHeads;
  const values = v.transpose([0, 2, 1, 3]).unsqueeze(2);
  return pattern
    .reshape([batch, nKvHeads, group, query, key])
    .matmul(values.broadcastTo([batch, nKvHeads, group, key, dHead]))
    .reshape([batch, nHeads, query, dHead])
    .transpose([0, 2, 1, 3]);
}

async function distance(a: Tensor, b: Tensor): Promise<number> {
  const difference = a.sub(b).abs().max();
  const scale = b.abs().max();
  await evaluate([difference, scale]);
  return (await difference.item()) / Math.max(await scale.item(), 1e-6);
}

/** Runs the first two tokens beside the whole row, and compares their hidden states with those of the two alone. */
async function paddingError(net: EncoderNetwork, ids: readonly number[]): Promise<number> {
  const short = ids.slice(0, 2);
  const alone = await net.run(short, { capture: "hidden" });
  const beside = await net.run([ids, short], { capture: "hidden" });
  const own = beside.at("hidden").slice({ axis: 0, start: 1 });
  return distance(own.slice({ axis: 1, end: short.length }), alone.at("hidden"));
}

/** Feeds the last token through the cache and compares its logits with those of the full pass. */
async function cachedError(net: LanguageNetwork, prompt: readonly number[]): Promise<number> {
  if (prompt.length < 2) return 0;
  const steps: Tensor[] = [];
  const options = { maxTokens: 2, capture: "logits", stop: [] } as const;
  const start = prompt.slice(0, -1);
  if (start.length + 2 > net.config.nCtx) return 0;
  let first = 0;
  for await (const { id, step, activations } of net.generate(start, options)) {
    if (step === 0) first = id;
    steps.push(activations.logits!);
  }
  const full = await net.run([...start, first]);
  return distance(
    steps[1]!.slice({ axis: 1, start: -1 }),
    full.logits.slice({ axis: 1, start: -1 }),
  );
}
