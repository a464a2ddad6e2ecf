// `patchclamp export`: a network, steered if asked, in a folder that transformers.js and ONNX Runtime run without PatchClamp.

import { saveOnnx } from "../checkpoints/save-onnx.ts";
import type { SavedOnnx } from "../checkpoints/save-onnx.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { plural } from "../core/text.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { OnnxParity } from "../network/onnx-parity.ts";
import { findPlace } from "../organisms/place.ts";
import { report, table } from "../report/index.ts";
import type { Report, Section } from "../report/index.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { command } from "./command.ts";
import { listed, loadSets, setsOf } from "./interventions.ts";
import { openLanguage } from "./network.ts";
import { flag, networkOperand, text, texts } from "./options.ts";
import { steeringOptions, weightsOptions } from "./shared-options.ts";

export const exportCommand = command({
  name: "export",
  summary: "write a network, steered if asked, as ONNX for transformers.js, and compare it",
  operands: [networkOperand],
  options: {
    out: text("folder", "where to write it (needed)"),
    ...steeringOptions,
    ...weightsOptions,
    text: texts("text", "compare on these texts (default: some that the network writes)"),
    unmeasured: flag("do not run the file, which takes the memory of both"),
  },
  examples: [
    "export organism:stories --out stories-onnx",
    "export organism:stories --weights q4 --out stories-onnx-q4",
  ],
  run: async ({ host, operands, options, note }) => {
    const place = operands["network"]!;
    const { out, interventions, strength, unmeasured } = options;
    if (out === undefined) throw nowhere();
    const source = await sourceFolder(place);
    const net = await openLanguage(host, place, options);
    const loaded = await loadSets(net, interventions, note);
    const saved = await saveOnnx(nodeFiles(out), net, {
      source,
      interventions: setsOf(loaded),
      strength,
      compares: !unmeasured,
      ...(options.text.length === 0 ? {} : { texts: options.text }),
    });
    note(`Saved to ${out}. In a program: pipeline("text-generation", folder) of transformers.js.`);
    const { parity, ...rest } = saved;
    return {
      data: {
        network: net.name,
        out,
        ...rest,
        ...(loaded.length === 0 ? {} : { strength, interventions: listed(loaded) }),
        parity: parity ?? null,
      },
      report: exportReport(net, out, saved),
    };
  },
});

function nowhere(): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "export",
    problem: "no folder is named.",
    fix: "add --out FOLDER.",
  });
}

/** The folder whose config and tokenizer go along. */
async function sourceFolder(place: string): Promise<Files> {
  const { files, file } = await findPlace(place);
  if (file === undefined) return files;
  throw new PatchClampError("UNSUPPORTED", {
    where: "export",
    problem: `${place} is a GGUF file, which has no config.json and no tokenizer.json to go along.`,
    fix: "export the folder that it was made from.",
  });
}

function exportReport(net: LanguageNetwork, out: string, saved: SavedOnnx): Report {
  const { model, dtype, bytes, parity } = saved;
  return report({
    title: `${net.name} as ONNX`,
    subtitle: `${out}/${model}, ${dtype}, ${(bytes / 1e6).toFixed(2)} MB`,
    sections: parity === undefined ? [] : [parityTable(parity)],
  });
}

function parityTable({
  texts: count,
  positions,
  maxAbs,
  klNats,
  greedy,
  change,
}: OnnxParity): Section {
  const short = (x: number): string => (x === 0 ? "0" : x.toExponential(1));
  const right = (label: string) => ({ label, align: "right" }) as const;
  const beside = (x: number | undefined): string[] => (x === undefined ? [] : [short(x)]);
  return table({
    columns: [
      "",
      right("file against network"),
      ...(change === undefined ? [] : [right("steered against not")]),
    ],
    rows: [
      ["largest difference of logits", short(maxAbs), ...beside(change?.maxAbs)],
      ["divergence of predictions (KL, nats)", short(klNats), ...beside(change?.klNats)],
      [
        "same tokens, written greedily",
        `${greedy.same} of ${greedy.tokens}`,
        ...(change === undefined ? [] : [""]),
      ],
    ],
    note: `The file ran in ONNX Runtime alone, on ${plural(count, "text")} of ${plural(positions, "position")}.`,
  });
}
