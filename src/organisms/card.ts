// What stands beside an organism's weights, and how both are written.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { saveNetwork } from "../checkpoints/load.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import { leaves } from "../core/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { openAny } from "./load-network.ts";
import type { Organism, OrganismNetwork, Recipe } from "./organism.ts";
import { measureSkills } from "./train.ts";

/** Seed of the samples that a card's scores are of. */
const CARD_SEED = 2024;

const WEIGHTS = "model.safetensors";
const FILE = "card.json";

/** A skill as it was measured. */
export interface CardScore {
  /** Held-out share, 0..1. */
  readonly score: number;
  /** What it had to reach, 0..1. */
  readonly bar: number;
  readonly samples: number;
  /** What is counted, in one sentence. */
  readonly meaning: string;
}

/** What stands beside an organism's weights. */
export interface Card {
  readonly name: string;
  readonly description: string;
  readonly parameters: number;
  /** Size of the weights' file. */
  readonly bytes: number;
  /** SHA-256 of the weights' file, in hexadecimal. */
  readonly sha256: string;
  /** Updates that were made. */
  readonly steps: number;
  /** Seed of weights and batches. */
  readonly seed: number;
  /** Tokens, or images, that it was trained on in all. */
  readonly seen: number;
  /** Minutes that the updates took, measurements not counted; absent where nobody looked at a clock. */
  readonly minutes?: number;
  /** What the recipe says in numbers. */
  readonly recipe: Readonly<Record<string, number | string>>;
  /** By skill. */
  readonly scores: Readonly<Record<string, CardScore>>;
  /** What it cannot do or does not know. */
  readonly limits: readonly string[];
  /** How to train it again. */
  readonly command: string;
}

/** How an organism was trained, for its card. */
export interface Trained {
  /** Number of updates. Default: the recipe's. */
  steps?: number;
  /** Of weights and batches. Default: the recipe's. */
  seed?: number;
  /** Minutes that the updates took. */
  minutes?: number | undefined;
  /** Samples of each skill. Default 500. */
  count?: number;
}

/** Writes checkpoint and tokenizer, with weights in half precision, measures what was written, and writes its card. */
export async function saveOrganism(
  organism: Organism,
  params: OrganismNetwork["params"],
  files: Files,
  trained: Trained = {},
): Promise<Card> {
  await saveCheckpoint(organism, params, files);
  return writeCard(organism, files, trained);
}

/** Writes checkpoint and tokenizer, with weights in half precision, and no card. */
export async function saveCheckpoint(
  { config, tokenizer, pictures }: Organism,
  params: OrganismNetwork["params"],
  files: Files,
): Promise<void> {
  if (pictures !== undefined) await writeJson(files, "preprocessor_config.json", pictures);
  await saveNetwork(files, {
    config,
    params,
    dtype: "F16",
    ...(tokenizer && { tokenizerJson: tokenizer.json, tokenizerConfig: tokenizer.config }),
  });
}

/** Measures the organism that a folder holds, and writes its card. */
export async function writeCard(
  organism: Organism,
  files: Files,
  trained: Trained = {},
): Promise<Card> {
  const { name, description, recipe, skills, limits = [] } = organism;
  const { steps = recipe.steps, seed = recipe.seed, minutes, count: samples = 500 } = trained;
  const { network } = await openAny(files, { name: `organism:${name}` });
  const net = network as OrganismNetwork;
  const measured = await measureSkills(organism, net, { seed: CARD_SEED, count: samples });
  const card: Card = {
    name,
    description,
    parameters: leaves<Tensor>(net.params).reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0),
    bytes: await files.size(WEIGHTS),
    sha256: await weightsHash(files),
    steps,
    seed,
    seen: steps * recipe.tokens,
    ...(minutes === undefined ? {} : { minutes: Number(minutes.toPrecision(3)) }),
    recipe: recipeNumbers(recipe),
    scores: Object.fromEntries(
      skills.map((skill) => {
        const { bar, meaning } = skill;
        return [skill.name, { score: measured[skill.name]!, bar, samples, meaning }];
      }),
    ),
    limits,
    command: trainCommand(organism, { steps, seed }),
  };
  await writeJson(files, FILE, card);
  return card;
}

/** The card that a folder holds; undefined where there is none, because nothing was trained there yet. */
export async function readCard(files: Files): Promise<Card | undefined> {
  if (!(await files.exists(FILE))) return undefined;
  return (await readJson("readCard", files, FILE)) as Card;
}

/**
 * Makes sure that a folder's weights are those that its card describes.
 *
 * @param where - the public function reported in an error
 * @throws PatchClampError `INVARIANT_BROKEN` when the weights have another hash
 */
export async function checkWeights(where: string, card: Card, files: Files): Promise<void> {
  const found = await weightsHash(files);
  if (found === card.sha256) return;
  throw new PatchClampError("INVARIANT_BROKEN", {
    where,
    problem: `${WEIGHTS} of organism:${card.name} has the SHA-256 ${found}, but its card is of ${card.sha256}.`,
    fix: `restore the file, or train the organism again with \`${card.command}\`.`,
    facts: { found, expected: card.sha256 },
  });
}

/** What a recipe says in numbers and names; the rest of it is code. */
export function recipeNumbers(recipe: Recipe): Record<string, number | string> {
  return Object.fromEntries(
    Object.entries(recipe).filter(
      (entry): entry is [string, number | string] =>
        typeof entry[1] === "number" || typeof entry[1] === "string",
    ),
  );
}

/** The command that trains an organism so; what the recipe says is not said again. */
function trainCommand(
  { name, recipe }: Organism,
  { steps, seed }: { steps: number; seed: number },
): string {
  const own = [
    ...(steps === recipe.steps ? [] : [` --steps ${steps}`]),
    ...(seed === recipe.seed ? [] : [` --seed ${seed}`]),
  ];
  return `patchclamp organisms train ${name}${own.join("")}`;
}

/** SHA-256 of an organism's weights, in hexadecimal. */
async function weightsHash(files: Files): Promise<string> {
  return bytesToHex(sha256(await files.read(WEIGHTS)));
}

async function writeJson(files: Files, path: string, json: unknown): Promise<void> {
  await files.write(path, new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`));
}
