// `patchclamp quantize`: a network with its weights in fewer bits, in a folder of its own, and what that costs.

import { saveNetwork } from "../checkpoints/load.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { QuantisationLoss } from "../network/quantise-loss.ts";
import { ownTexts, quantisationLoss } from "../network/quantise-loss.ts";
import type { WeightForm } from "../network/quantise.ts";
import { quantise, storedBytes, WEIGHT_FORMS } from "../network/quantise.ts";
import { findPlace } from "../organisms/place.ts";
import { report, table } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { command } from "./command.ts";
import { openLanguage } from "./network.ts";
import { choice, flag, networkOperand, optionalNumber, text, texts } from "./options.ts";

/** Files of a checkpoint that say how text is read and written. */
const TEXT_FILES =
  /^(?:tokenizer.*|vocab.*|merges\.txt|special_tokens_map\.json|added_tokens\.json|chat_template.*|generation_config\.json|.*\.(?:model|tiktoken))$/;

interface Sizes {
  readonly before: number;
  readonly after: number;
}

export const quantize = command({
  name: "quantize",
  summary: "store the weights of a network in fewer bits, and measure what that costs",
  operands: [networkOperand],
  options: {
    weights: choice(WEIGHT_FORMS, "how they are stored (default: q4)"),
    blockSize: optionalNumber(
      "n",
      "numbers that share a scale: 16, 32, 64, 128 or 256 (default: 64 in q4, 128 in q8)",
    ),
    out: text("folder", "where to write the network (default: nowhere, it is measured only)"),
    text: texts("text", "compare on these texts (default: some that the network writes)"),
    unmeasured: flag("do not compare with the original, which takes the memory of both"),
  },
  examples: [
    "quantize organism:stories --weights q4",
    "quantize organism:stories --weights q8 --out stories-q8",
  ],
  run: async ({ host, operands, options, note }) => {
    const place = operands["network"]!;
    const { weights = "q4", blockSize, out, unmeasured } = options;
    const target = out === undefined ? undefined : await targetFolder(out);
    const source = await sourceFolder(place, out !== undefined);
    const net = await openLanguage(host, place);
    const size = blockSize === undefined ? {} : { blockSize };
    const small = quantise(net, { weights, ...size });
    const bytes = { before: storedBytes(net.params), after: storedBytes(small.params) };
    const given = options.text.map((own) => net.tokens(own).ids[0]!);
    const loss = unmeasured
      ? undefined
      : await quantisationLoss(net, small, given.length > 0 ? given : await ownTexts(net));
    if (target !== undefined) {
      await save(target, source, small, weights);
      note(`Saved to ${out}. Use the folder as a network, as in: patchclamp run ${out} "..."`);
    }
    return {
      data: { network: net.name, weights, bytes, loss: loss ?? null, out: out ?? null },
      report: quantizeReport(net, weights, bytes, loss),
    };
  },
});

/** An empty folder, or one without a network. */
async function targetFolder(out: string): Promise<Files> {
  const files = nodeFiles(out);
  const present = await files.list().catch(() => []);
  const taken = present.find((name) => /\.(?:safetensors|gguf)$|^config\.json$/.test(name));
  if (taken === undefined) return files;
  throw new PatchClampError("BAD_OPTION", {
    where: "quantize",
    problem: `${out} holds ${taken}, which the new network would replace.`,
    fix: "name another folder with --out.",
  });
}

async function sourceFolder(place: string, isSaved: boolean): Promise<Files> {
  const { files, file } = await findPlace(place);
  if (file === undefined || !isSaved) return files;
  throw new PatchClampError("UNSUPPORTED", {
    where: "quantize",
    problem: `${place} is a GGUF file, whose tokenizer cannot be written to a folder.`,
    fix: "leave out --out and open it with --weights, or quantize the folder it was made from.",
  });
}

/** Writes config, weights and what reads text. */
async function save(
  target: Files,
  source: Files,
  { params }: LanguageNetwork,
  weights: WeightForm,
): Promise<void> {
  const config = (await readJson("quantize", source, "config.json")) as Record<string, unknown>;
  for (const name of await source.list())
    if (TEXT_FILES.test(name)) await target.write(name, await source.read(name));
  const dtype = weights === "fp16" ? "F16" : "F32";
  await saveNetwork(target, { config, params, dtype });
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

function quantizeReport(
  net: LanguageNetwork,
  weights: WeightForm,
  bytes: Sizes,
  loss: QuantisationLoss | undefined,
): Report {
  const rows: [string, string | number | null, string | number | null][] = [
    ["size in memory", megabytes(bytes.before), megabytes(bytes.after)],
  ];
  if (loss !== undefined) {
    const { perplexity, klNats, agreement } = loss;
    rows.push(
      ["perplexity", perplexity.before.toPrecision(5), perplexity.after.toPrecision(5)],
      ["divergence of predictions (KL, nats)", null, klNats.toExponential(1)],
      ["same likeliest token", null, `${(100 * agreement).toFixed(1)} %`],
    );
  }
  const share = (bytes.before / bytes.after).toFixed(1);
  return report({
    title: `${net.name} with ${weights} weights`,
    subtitle: `${share} times smaller`,
    sections: [
      table({
        columns: ["", "before", { label: "after", align: "right" }],
        rows,
        ...(loss === undefined
          ? {}
          : { note: `Compared at ${loss.positions} positions, each from all tokens before it.` }),
      }),
    ],
  });
}
