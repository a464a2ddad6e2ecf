// Identities that hold in every network that reads tokens, as far as it has the sites they speak of. A network that breaks one has a wrong number somewhere
// that may look right, so they are checked when a network is loaded, on a few tokens.

import { PatchClampError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { randn } from "../runtime/index.ts";
import { evaluate } from "../tensor/evaluate.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { samplesFor } from "./audio-input.ts";
import type { AudioNetwork } from "./audio.ts";
import type { EncoderNetwork } from "./encoder.ts";
import type { GenerateOptions } from "./generate.ts";
import type { GeneratedToken } from "./open-row.ts";
import type { LanguageNetwork } from "./language.ts";
import type { Network, Pass } from "./network.ts";
import { isQuantised } from "./stored-parts.ts";
import type { Seq2SeqNetwork } from "./seq2seq.ts";
import { blockNames } from "./sites.ts";
import type { VisionLanguageNetwork } from "./vision-language.ts";
import type { VisionNetwork } from "./vision.ts";

/** One identity and how far a network is from it. */
export interface Invariant {
  readonly claim: string;
  /** Largest absolute difference, over the scale of what is compared. */
  readonly error: number;
}

// float32 sums of up to a few thousand terms in another order
const TOLERANCE = 2e-4;

// A product with quantised weights rounds its input to eight bits: where a sum in another order falls on the other side of
// a tie, the whole of a step shows.
const QUANTISED_TOLERANCE = 1e-2;

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
    error: await cachedError(net, prompt, (tokens) => tokens),
  };
  const tolerance = isQuantised(net.params) ? QUANTISED_TOLERANCE : TOLERANCE;
  return judged("loadNetwork", net.name, [...(await measured(net, prompt)), cached], tolerance);
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
    claim: UNPADDED,
    error: await paddingError(net, { short: ids.slice(0, 2), long: ids, pos: 2 }),
  };
  return judged("loadEncoder", net.name, [...(await measured(net, ids)), padding]);
}

/**
 * Checks the identities of a network that listens.
 *
 * @returns how far each one is from holding
 * @throws PatchClampError `INVARIANT_BROKEN` naming the first that does not hold
 */
export async function checkAudioInvariants(net: AudioNetwork): Promise<readonly Invariant[]> {
  const { features, hidesPadding } = net.config;
  const [short, long] = [2, 4].map((frames) => new Rng(1).normals(samplesFor(frames, features)));
  const found = await measured(net, long!);
  if (hidesPadding) {
    const error = await paddingError(net, { short: short!, long: long!, pos: 2 });
    found.push({ claim: UNPADDED, error });
  }
  return judged("loadAudio", net.name, found);
}

/**
 * Checks the identities of a network that looks at images.
 *
 * @returns how far each one is from holding
 * @throws PatchClampError `INVARIANT_BROKEN` naming the first that does not hold
 */
export async function checkVisionInvariants(net: VisionNetwork): Promise<readonly Invariant[]> {
  const { channels, image, smallest = image } = net.config;
  const shape = [1, channels, smallest.height, smallest.width];
  const images = randn(shape, { seed: 1 });
  return judged("loadVision", net.name, await measured(net, net.withAnyText(images)));
}

/**
 * Checks the identities of a network that looks at images and writes.
 *
 * @returns how far each one is from holding
 * @throws PatchClampError `INVARIANT_BROKEN` naming the first that does not hold
 */
export async function checkVisionLanguageInvariants(
  net: VisionLanguageNetwork,
): Promise<readonly Invariant[]> {
  const { channels, image, imageToken, imageLength, nCtx, dVocab } = net.config;
  // beside an image and the token that is written
  const room = { dVocab, nCtx: nCtx - imageLength - 1 };
  const prompt = tokensFor({ config: room }).map((id) =>
    id === imageToken ? (id + 1) % dVocab : id,
  );
  const images = randn([1, channels, image.height, image.width], { seed: 1 });
  const given = (tokens: readonly number[]) => ({ prompt: [imageToken, ...tokens], images });
  const cached = {
    claim: "cached decoding equals the full pass",
    error: await cachedError(net, prompt, given),
  };
  return judged("loadVisionLanguage", net.name, [...(await measured(net, given(prompt))), cached]);
}

/**
 * Checks the identities of an encoder-decoder.
 *
 * @returns how far each one is from holding
 * @throws PatchClampError `INVARIANT_BROKEN` naming the first that does not hold
 */
export async function checkSeq2SeqInvariants(net: Seq2SeqNetwork): Promise<readonly Invariant[]> {
  const source = tokensFor(net);
  const target = [net.config.decoderStart, ...source.slice(0, -1)];
  const cached = {
    claim: "cached decoding equals the full pass",
    error: await cachedError(net, target, (tokens) => ({ source, target: tokens })),
  };
  const padding = { claim: UNPADDED, error: await sourcePaddingError(net, source, target) };
  const found = await measured(net, { source, target });
  return judged("loadSeq2Seq", net.name, [...found, cached, padding]);
}

const UNPADDED = "a padded row gives the numbers it gives alone";

/** A few token ids that a network knows. */
function tokensFor({
  config,
}: {
  readonly config: { readonly nCtx: number; readonly dVocab: number };
}): number[] {
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

function judged(
  where: string,
  network: string,
  found: readonly Invariant[],
  tolerance = TOLERANCE,
): readonly Invariant[] {
  const broken = found.find(({ error }) => !(error <= tolerance));
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
  const blocks = blockNames(sites);
  const { output } = net;
  const end = (own: Pass): Tensor => own.at(output);
  const at = (block: string, site: string): Tensor => pass.at(`${block}.${site}`);
  // the parts of single heads are made with the exact weights, also where the whole is not
  const isWatched = (site: string): boolean =>
    !isQuantised(net.params) || !site.endsWith(".attn.result");
  const watched = net.trace(given, { watch: [...sites].filter(isWatched) });
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
  const writes = (block: string): boolean => written.some((name) => sites.has(`${block}.${name}`));
  // attention of every kind: the block, and what its sites begin with
  const attending = ["attn", "cross"].flatMap((name) =>
    have(`${name}.pattern`).map((block) => [block, name] as const),
  );
  return [
    [
      "pattern rows sum to 1",
      attending.map(([block, name]) => {
        const sums = at(block, `${name}.pattern`).sum({ axis: -1, keepDims: true });
        const sink = sites.has(`${block}.attn.sink`) ? sums.add(at(block, "attn.sink")) : sums;
        return [sink, sink.onesLike()];
      }),
    ],
    [
      "pattern times values is z",
      attending
        .filter(
          ([block, name]) => sites.has(`${block}.${name}.v`) && sites.has(`${block}.${name}.z`),
        )
        .map(([block, name]) => [
          mix(at(block, `${name}.pattern`), at(block, `${name}.v`)),
          at(block, `${name}.z`),
        ]),
    ],
    [
      "resid_pre and what the block writes is resid_post",
      have("resid_pre", "resid_post")
        .filter((block) => writes(block) && isSum(block))
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

/** Runs a short row beside a long one, and compares its hidden states, `pos` of them, with those of the row alone. */
async function paddingError<Row>(
  net: Pick<Network<Row | readonly Row[]>, "run">,
  { short, long, pos }: { readonly short: Row; readonly long: Row; readonly pos: number },
): Promise<number> {
  const alone = await net.run(short, { capture: "hidden" });
  const beside = await net.run([long, short], { capture: "hidden" });
  const own = beside.at("hidden").slice({ axis: 0, start: 1 });
  return distance(own.slice({ axis: 1, end: pos }), alone.at("hidden"));
}

/** Runs a source of two tokens beside the whole one, and compares its logits with those of the two alone. */
async function sourcePaddingError(
  net: Seq2SeqNetwork,
  source: readonly number[],
  target: readonly number[],
): Promise<number> {
  const short = source.slice(0, 2);
  const alone = await net.run({ source: short, target });
  const beside = await net.run({ source: [source, short], target: [target, target] });
  return distance(beside.logits.slice({ axis: 0, start: 1 }), alone.logits);
}

/** A network that writes text. */
interface Writing<Given> extends Network<Given> {
  readonly config: { readonly nCtx: number };
  generate: (given: Given, options: GenerateOptions) => AsyncGenerator<GeneratedToken>;
}

/** Feeds the last token through the cache and compares its logits with those of the full pass. */
async function cachedError<Given>(
  net: Writing<Given>,
  prompt: readonly number[],
  given: (tokens: readonly number[]) => Given,
): Promise<number> {
  if (prompt.length < 2) return 0;
  const steps: Tensor[] = [];
  const options = { maxTokens: 2, capture: "logits", stop: [] } as const;
  const start = prompt.slice(0, -1);
  if (start.length + 2 > net.config.nCtx) return 0;
  let first = 0;
  for await (const { id, step, activations } of net.generate(given(start), options)) {
    if (step === 0) first = id;
    steps.push(activations.logits!);
  }
  const full = await net.run(given([...start, first]));
  return distance(
    steps[1]!.slice({ axis: 1, start: -1 }),
    full.logits.slice({ axis: 1, start: -1 }),
  );
}
