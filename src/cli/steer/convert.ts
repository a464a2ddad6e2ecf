// `patchclamp steer convert`: from one file form to another, naming what the new one cannot hold.

import { basename, dirname } from "node:path";

import {
  toPyvene,
  writeAdapter,
  writeControlVector,
  writeDictionary,
  writeInterventions,
  writePeft,
  writeProbe,
  writeSaeLens,
} from "../../checkpoints/values/index.ts";
import type { InterventionSet } from "../../checkpoints/values/index.ts";
import { PatchClampError } from "../../core/errors.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import { report, table } from "../../report/index.ts";
import { command } from "../command.ts";
import { choice, text } from "../options.ts";
import { formatNames, formatOf, readStored, valueFormats, valueHelp } from "../value-formats.ts";
import type { StoredValue, ValueFormat } from "../value-formats.ts";
import { jsonText } from "../value-json.ts";

/** The file that a value becomes, or the folder that is written. */
interface Converted {
  /** Undefined for a folder, which `write` fills. */
  readonly bytes: Uint8Array | undefined;
  /** What the new form has no place for, although what is done stays the same. */
  readonly lost: readonly string[];
}

interface Target {
  readonly path: string;
  readonly format: ValueFormat;
  /** The kind of network that a control vector is for. Default: what it was read with, or the name of the network. */
  readonly modelHint?: string | undefined;
}

/**
 * Writes a value in another form.
 *
 * @throws PatchClampError `UNSUPPORTED` naming what that form cannot hold
 */
async function convert(stored: StoredValue, to: Target): Promise<Converted> {
  const { path, format } = to;
  const own = format === "patchclamp";
  switch (stored.kind) {
    case "interventions":
      return convertSet(stored, to);
    case "probe":
      if (own) return { bytes: writeProbe(stored.probe), lost: [] };
      throw noForm(to, "a probe reads activations and changes none");
    case "adapter": {
      const { adapter } = stored;
      if (own) return { bytes: writeAdapter(adapter), lost: [] };
      if (format !== "peft") throw noForm(to, "an adapter changes weights");
      await writePeft(nodeFiles(path), adapter);
      return { bytes: undefined, lost: adapter.note === undefined ? [] : ["the note"] };
    }
    case "dictionary": {
      const { dictionary } = stored;
      if (own) return { bytes: writeDictionary(dictionary), lost: [] };
      if (format !== "saelens") throw noForm(to, "a dictionary is no intervention");
      await writeSaeLens(nodeFiles(path), dictionary);
      return { bytes: undefined, lost: dictionary.note === undefined ? [] : ["the note"] };
    }
  }
}

function convertSet(
  { set, modelHint: known }: Extract<StoredValue, { kind: "interventions" }>,
  to: Target,
): Converted {
  const { format, modelHint = known } = to;
  const utf8 = (content: string): Uint8Array => new TextEncoder().encode(content);
  const hint = known === undefined ? [] : [`the model hint "${known}"`];
  switch (format) {
    case "patchclamp":
      return { bytes: writeInterventions(set), lost: hint };
    case "json":
      return { bytes: utf8(jsonText(set)), lost: hint };
    case "control-vector":
      return { bytes: writeControlVector(set, { modelHint }), lost: extrasOf(set) };
    case "pyvene": {
      const lost = [...extrasOf(set), ...madeForOf(set), ...hint];
      return { bytes: utf8(jsonText(toPyvene(set))), lost };
    }
    case "peft":
    case "saelens":
      throw noForm(to, "interventions are neither weights nor a dictionary");
  }
}

/** What a set says beside what it does. */
function extrasOf({ name, note, curve, conflict, interventions }: InterventionSet): string[] {
  return [
    ...(name === undefined ? [] : [`the name "${name}"`]),
    ...(note === undefined && interventions.every((one) => one.note === undefined)
      ? []
      : ["the notes"]),
    ...(curve === undefined ? [] : ["the dose curve"]),
    ...(conflict === "compose" ? [] : ["that no other set may share its sites"]),
  ];
}

function madeForOf({ madeFor }: InterventionSet): string[] {
  return madeFor === undefined ? [] : ["the network that it was made for"];
}

function noForm({ path, format }: Target, reason: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where: "steer convert",
    problem: `${path} would be ${formatNames[format]}, which cannot hold this: ${reason}.`,
    fix: "name a file that ends in .safetensors.",
    facts: { path, format },
  });
}

function targetFormat(
  path: string,
  asked: ValueFormat | undefined,
  kind: StoredValue["kind"],
): ValueFormat {
  const format = asked ?? formatOf(path, kind);
  if (format !== undefined) return format;
  throw new PatchClampError("BAD_OPTION", {
    where: "steer convert",
    problem: `the name ${path} does not say which form is meant.`,
    fix: "end it in .safetensors, .json, .pyvene.json or .gguf, name a folder for PEFT or SAELens, or add --format.",
  });
}

export const steerConvert = command({
  name: "steer convert",
  summary:
    "convert between our files, JSON, control vectors, and what pyvene, PEFT and SAELens write",
  operands: [
    { name: "from", help: valueHelp },
    {
      name: "to",
      help: ".safetensors, .json, .gguf (llama.cpp, repeng), .pyvene.json, or a folder (PEFT, SAELens)",
    },
  ],
  options: {
    format: choice(valueFormats, "the form of the new file, where its name does not say it"),
    modelHint: text("name", "the kind of network that a control vector is for, such as mistral"),
  },
  examples: [
    "steer convert mood.safetensors mood.gguf --model-hint gpt2",
    "steer convert mood.gguf mood.json",
    "steer convert my-lora lora.safetensors",
  ],
  run: async ({ operands, options, note }) => {
    const [from, path] = [operands["from"]!, operands["to"]!];
    const stored = await readStored(from);
    const format = targetFormat(path, options.format, stored.kind);
    const { bytes, lost } = await convert(stored, { path, format, modelHint: options.modelHint });
    if (bytes !== undefined) await nodeFiles(dirname(path)).write(basename(path), bytes);
    if (lost.length > 0)
      note(`${path} has no place for ${lost.join(", ")}; what it does is the same.`);
    return {
      data: {
        from: { file: from, format: stored.format },
        to: { file: path, format },
        kind: stored.kind,
        lost,
      },
      report: report({
        title: `Converted ${from}`,
        sections: [
          table({
            columns: ["", "file", "form"],
            rows: [
              ["from", from, formatNames[stored.format]],
              ["to", path, formatNames[format]],
            ],
          }),
        ],
      }),
    };
  },
});
