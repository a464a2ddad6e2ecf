// What stands beside an organism's weights, and how both are written.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { saveNetwork } from "../checkpoints/load.ts";
import type { Files } from "../core/files.ts";
import { leaves } from "../core/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { openAny } from "./load-network.ts";
import type { Organism, OrganismNetwork } from "./organism.ts";
import { measureSkills } from "./train.ts";

/** Seed of the samples that a card's scores are of. */
const CARD_SEED = 2024;

/** What stands beside an organism's weights. */
export interface Card {
  readonly name: string;
  readonly description: string;
  readonly parameters: number;
  readonly steps: number;
  readonly seed: number;
  /** SHA-256 of model.safetensors, in hexadecimal. */
  readonly sha256: string;
  /** Held-out scores by skill, 0..1, and what each had to reach. */
  readonly scores: Readonly<
    Record<string, { score: number; bar: number; samples: number; meaning: string }>
  >;
  /** What it cannot do or does not know. */
  readonly limits: readonly string[];
  /** How to train it again. */
  readonly command: string;
}

/** SHA-256 of an organism's weights, in hexadecimal. */
export async function weightsHash(files: Files): Promise<string> {
  return bytesToHex(sha256(await files.read("model.safetensors")));
}

/** Writes checkpoint and tokenizer, with weights in half precision, measures what was written, and writes its card. */
export async function saveOrganism(
  organism: Organism,
  params: OrganismNetwork["params"],
  files: Files,
  options: { steps?: number; count?: number } = {},
): Promise<Card> {
  const { steps = organism.recipe.steps, count = 500 } = options;
  const { name, description, config, tokenizer, pictures, skills, limits = [] } = organism;
  if (pictures !== undefined) await writeJson(files, "preprocessor_config.json", pictures);
  await saveNetwork(files, {
    config,
    params,
    dtype: "F16",
    ...(tokenizer && { tokenizerJson: tokenizer.json, tokenizerConfig: tokenizer.config }),
  });
  const { network } = await openAny(files, { name: `organism:${name}` });
  const measured = await measureSkills(organism, network as OrganismNetwork, {
    seed: CARD_SEED,
    count,
  });
  const card: Card = {
    name,
    description,
    parameters: leaves<Tensor>(params).reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0),
    steps,
    seed: organism.recipe.seed,
    sha256: await weightsHash(files),
    scores: Object.fromEntries(
      skills.map((skill) => [
        skill.name,
        {
          score: measured[skill.name]!,
          bar: skill.bar,
          samples: count,
          meaning: skill.meaning,
        },
      ]),
    ),
    limits,
    command: `patchclamp organisms train ${name}`,
  };
  await writeJson(files, "card.json", card);
  return card;
}

async function writeJson(files: Files, path: string, json: unknown): Promise<void> {
  await files.write(path, new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`));
}
