// The files with which sentence-transformers says how a text becomes one vector: modules.json lists the steps, and every step has a
// folder with a config of its own.

import { z } from "zod";

import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { SentenceForm } from "../network/encoder.ts";
import { plainSentences } from "../network/encoder.ts";
import type { Pooling } from "../network/pooling.ts";

const where = "loadEncoder";

const stepsSchema = z.array(z.object({ path: z.string(), type: z.string() }));
const textSchema = z.object({
  max_seq_length: z.int().positive().nullish(),
  do_lower_case: z.boolean().nullish(),
});
// "no bound" is written as 1e30
const tokenizerSchema = z.object({ model_max_length: z.number().positive().nullish() });
const poolingSchema = z.looseObject({
  pooling_mode: z.union([z.string(), z.array(z.string())]).optional(),
});

/**
 * Reads what sentence-transformers does with the hidden states of an encoder, in the spellings of its versions 2 to 6.
 *
 * @returns the mean, as it is, where the folder does not say
 * @throws PatchClampError `UNSUPPORTED` for a step or a way to pool that is not computed here, `BAD_FILE` for files that cannot be read
 */
export async function readSentenceForm(files: Files): Promise<SentenceForm> {
  const text = await optional(files, "sentence_bert_config.json", textSchema);
  const tokenizer = await optional(files, "tokenizer_config.json", tokenizerSchema);
  const form = {
    maxTokens: text.max_seq_length ?? tokenizer.model_max_length ?? undefined,
    lowerCases: text.do_lower_case ?? false,
  };
  if (!(await files.exists("modules.json"))) return { ...plainSentences, ...form };
  const steps = await parsed(files, "modules.json", stepsSchema);
  const kinds = steps.map(({ type }) => type.split(".").at(-1)!);
  const known = ["Transformer, Pooling", "Transformer, Pooling, Normalize"];
  if (!known.includes(kinds.join(", ")) || steps[0]!.path !== "") {
    const at = steps[0]?.path ? `, the first in the folder "${steps[0].path}"` : "";
    throw unsupported(
      `modules.json of ${files.name} lists the steps ${kinds.join(", ")}${at}, which are not computed here.`,
    );
  }
  const poolings = await readPoolings(files, `${steps[1]!.path}/config.json`);
  return { ...form, poolings, normalises: kinds.length === 3 };
}

/** Ways to pool by the keys that versions before 6 write, in the order in which they put vectors behind one another. */
const FORMER_KEYS: Readonly<Record<string, Pooling>> = {
  pooling_mode_cls_token: "cls",
  pooling_mode_max_tokens: "max",
  pooling_mode_mean_tokens: "mean",
  pooling_mode_mean_sqrt_len_tokens: "mean_sqrt_len_tokens",
  pooling_mode_weightedmean_tokens: "weightedmean",
  pooling_mode_lasttoken: "lasttoken",
};

async function readPoolings(files: Files, path: string): Promise<readonly Pooling[]> {
  const { pooling_mode: modes, ...config } = await parsed(files, path, poolingSchema);
  const chosen = Object.keys(FORMER_KEYS).filter((key) => config[key] === true);
  const named = modes === undefined ? chosen.map((key) => FORMER_KEYS[key]!) : [modes].flat();
  const strange =
    Object.keys(config).find(
      (key) => key.startsWith("pooling_mode_") && !Object.hasOwn(FORMER_KEYS, key),
    ) ?? named.find((mode) => !Object.values<string>(FORMER_KEYS).includes(mode));
  if (strange !== undefined) {
    throw unsupported(
      `${path} in ${files.name} pools by "${strange}", which is not computed here.`,
    );
  }
  return named.length === 0 ? ["mean"] : (named as Pooling[]);
}

function unsupported(problem: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where,
    problem,
    fix: "leave modules.json out to open the encoder alone, whose hidden states you can pool yourself.",
  });
}

async function optional<T>(files: Files, path: string, schema: z.ZodType<T>): Promise<Partial<T>> {
  return (await files.exists(path)) ? parsed(files, path, schema) : {};
}

async function parsed<T>(files: Files, path: string, schema: z.ZodType<T>): Promise<T> {
  const { success, data, error } = schema.safeParse(await readJson(where, files, path));
  if (success) return data;
  const [issue] = error.issues;
  throw new PatchClampError("BAD_FILE", {
    where,
    problem: `${path} in ${files.name} is not what sentence-transformers writes: "${issue!.path.join(".")}": ${issue!.message}.`,
    facts: { path },
    cause: error,
  });
}
