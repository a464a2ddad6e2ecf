import { written } from "../core/config.ts";
import { PatchClampError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import { familyLoaders } from "./families.gen.ts";
import type { AnyFamily } from "./family.ts";

/** What config.json may name in `architectures`. */
export const architectures: readonly string[] = Object.keys(familyLoaders).toSorted();

/**
 * The family that a config names. Its module is loaded now, if it was not.
 *
 * @param where - the public function reported in an error
 * @param folder - whose config it is, for the error
 * @param json - the parsed config.json
 * @throws PatchClampError `UNSUPPORTED` when it names another architecture, or none
 */
export async function familyOf(where: string, folder: string, json: unknown): Promise<AnyFamily> {
  const names = (json as { architectures?: unknown })?.architectures;
  const [architecture]: unknown[] = Array.isArray(names) ? names : [];
  if (typeof architecture === "string" && Object.hasOwn(familyLoaders, architecture)) {
    return familyLoaders[architecture as keyof typeof familyLoaders]();
  }
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `config.json of ${folder} names the architecture ${written(architecture ?? null)}, which PatchClamp does not compute.`,
    fix: `the nearest that it computes are ${nearest(typeof architecture === "string" ? architecture : "", architectures).join(", ")}; docs/families.md lists all.`,
    facts: { architecture },
  });
}

/** What each kind is in words, and the function that opens it. */
const KINDS: Readonly<Record<AnyFamily["kind"], readonly [meaning: string, opener: string]>> = {
  audio: ["a network that listens", "loadAudio"],
  decoder: ["a network that predicts the next token", "loadNetwork"],
  encoder: ["a text encoder", "loadEncoder"],
  vision: ["a network that looks at images", "loadVision"],
  "vision-language": ["a network that looks at images and writes", "loadVisionLanguage"],
  seq2seq: ["a network that reads one text and writes another", "loadSeq2Seq"],
};

/**
 * The family that a config names, which must be of one kind.
 *
 * @throws PatchClampError `UNSUPPORTED` when it is of another kind, and what `familyOf` throws
 */
export async function familyOfKind<K extends AnyFamily["kind"]>(
  where: string,
  folder: string,
  { json, kind }: { json: unknown; kind: K },
): Promise<Extract<AnyFamily, { kind: K }>> {
  const family = await familyOf(where, folder, json);
  if (isOfKind(family, kind)) return family;
  const other: AnyFamily["kind"] = family.kind;
  const [meaning, opener] = KINDS[other];
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `${folder} is ${meaning}, not ${KINDS[kind][0]}.`,
    fix: `open it with ${opener}.`,
    facts: { kind: other },
  });
}

function isOfKind<K extends AnyFamily["kind"]>(
  family: AnyFamily,
  kind: K,
): family is Extract<AnyFamily, { kind: K }> {
  return family.kind === kind;
}

export { gpt2, gpt2Family, type Gpt2Params } from "./gpt2.ts";
export { llama, llamaFamily, type LlamaParams } from "./llama.ts";
export { gpt2Config, type Gpt2Config } from "./gpt2-config.ts";
export { llamaConfig, type LlamaConfig } from "./llama-config.ts";
export type { AnyFamily, ArchitectureFamily, DecoderFamily, ParamEntry } from "./family.ts";
