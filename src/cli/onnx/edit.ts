// `patchclamp onnx expose|cut|split|rename|strip`: edits of an ONNX file that need nothing but the file.

import { stat } from "node:fs/promises";

import { PatchClampError } from "../../core/errors.ts";
import { table, report } from "../../report/index.ts";
import type { Operand } from "../command.ts";
import { command } from "../command.ts";
import { text, texts } from "../options.ts";
import { announce, findModel, modelOperand, surgeryOf, writeModel } from "./model.ts";
import { valuesCalled, writtenReport } from "./names.ts";

const valuesOperand: Operand = {
  name: "values",
  help: "names in the file, or of sites that were recognised, or patterns of these",
  isList: true,
};

/** The new file of a command that edits one. */
export const outOption = { out: text("file", "the new file, which ends in .onnx") } as const;

/** @throws PatchClampError `BAD_OPTION` when the file was not named */
export function target(where: string, file: string | undefined, option = "out"): string {
  if (file !== undefined) return file;
  throw new PatchClampError("BAD_OPTION", {
    where,
    problem: `--${option} is missing, so there is nowhere to write to.`,
    fix: `add --${option} NEW.onnx.`,
  });
}

export const onnxExpose = command({
  name: "onnx expose",
  summary: "make values of an ONNX file outputs, so that any program can read them",
  operands: [modelOperand, valuesOperand],
  options: outOption,
  examples: ['onnx expose stories/onnx/model.onnx "blocks.*.resid_post" --out seen.onnx'],
  run: async ({ host, operands, rest, options, note }) => {
    const out = target("onnx expose", options.out);
    const source = await findModel("onnx expose", host, operands["model"]!);
    const model = await surgeryOf(source);
    const named = await valuesCalled("onnx expose", source, model, rest);
    const written = await writeModel(model.expose(named.map(({ value }) => value)), source, out);
    announce(note, written);
    return {
      data: { model: source.place, ...written, outputs: named },
      report: writtenReport(
        `Outputs added to ${source.place}`,
        written,
        named.map(({ asked, value }) => [asked, value]),
      ),
    };
  },
});

export const onnxCut = command({
  name: "onnx cut",
  summary: "end an ONNX file after values, and leave out what they do not need",
  operands: [modelOperand, valuesOperand],
  options: outOption,
  examples: ["onnx cut stories/onnx/model.onnx blocks.1.resid_post --out half.onnx"],
  run: async ({ host, operands, rest, options, note }) => {
    const out = target("onnx cut", options.out);
    const source = await findModel("onnx cut", host, operands["model"]!);
    const model = await surgeryOf(source);
    const named = await valuesCalled("onnx cut", source, model, rest);
    const cut = model.cutAfter(named.map(({ value }) => value));
    const written = await writeModel(cut, source, out);
    announce(note, written);
    return {
      data: { model: source.place, ...written, outputs: named },
      report: writtenReport(
        `${source.place} up to ${named.map(({ asked }) => asked).join(", ")}`,
        written,
        named.map(({ asked, value }) => [asked, value]),
      ),
    };
  },
});

export const onnxSplit = command({
  name: "onnx split",
  summary: "split an ONNX file in two at values, which the first gives and the second takes",
  operands: [modelOperand, valuesOperand],
  options: {
    head: text("file", "the first half"),
    tail: text("file", "the second half"),
  },
  examples: [
    "onnx split stories/onnx/model.onnx blocks.1.resid_post --head head.onnx --tail tail.onnx",
  ],
  run: async ({ host, operands, rest, options, note }) => {
    const files = {
      head: target("onnx split", options.head, "head"),
      tail: target("onnx split", options.tail, "tail"),
    };
    const source = await findModel("onnx split", host, operands["model"]!);
    const model = await surgeryOf(source);
    const named = await valuesCalled("onnx split", source, model, rest);
    const halves = model.split(named.map(({ value }) => value));
    const head = await writeModel(halves.head, source, files.head);
    const tail = await writeModel(halves.tail, source, files.tail);
    announce(note, head);
    announce(note, tail);
    return {
      data: { model: source.place, head, tail, passed: halves.passed },
      report: report({
        title: `${source.place} in two`,
        sections: [
          table({
            columns: ["", "file"],
            rows: [
              ["first half", head.file],
              ["second half", tail.file],
            ],
          }),
          table({
            title: "What the first gives to the second",
            columns: ["value"],
            rows: halves.passed.map((value) => [value]),
          }),
        ],
      }),
    };
  },
});

/**
 * Reads `OLD=NEW`.
 *
 * @throws PatchClampError `BAD_OPTION` when it is no such thing
 */
function renaming(pair: string): readonly [string, string] {
  const at = pair.lastIndexOf("=");
  if (at > 0 && at < pair.length - 1) return [pair.slice(0, at), pair.slice(at + 1)];
  throw new PatchClampError("BAD_OPTION", {
    where: "onnx rename",
    problem: `"${pair}" does not say a new name.`,
    fix: "write OLD=NEW.",
  });
}

export const onnxRename = command({
  name: "onnx rename",
  summary: "give values of an ONNX file other names",
  operands: [modelOperand, { name: "names", help: "pairs OLD=NEW", isList: true }],
  options: outOption,
  examples: [
    "onnx rename stories/onnx/model.onnx logits=scores --out renamed.onnx",
    "onnx rename seen.onnx blocks.0.resid_post=hidden_0 --out named.onnx",
  ],
  run: async ({ host, operands, rest, options, note }) => {
    const out = target("onnx rename", options.out);
    const source = await findModel("onnx rename", host, operands["model"]!);
    const model = await surgeryOf(source);
    const names: Record<string, string> = {};
    for (const [old, name] of rest.map(renaming))
      for (const { value } of await valuesCalled("onnx rename", source, model, [old]))
        names[value] = name;
    const written = await writeModel(model.rename(names), source, out);
    announce(note, written);
    return {
      data: { model: source.place, ...written, names },
      report: writtenReport(`${source.place} with other names`, written, Object.entries(names)),
    };
  },
});

const removable = {
  docs: "docs",
  metadata: "metadata",
  "value-info": "valueInfo",
  "node-names": "nodeNames",
} as const;

export const onnxStrip = command({
  name: "onnx strip",
  summary: "take away what an ONNX file holds for people: docs, metadata, inner types, node names",
  operands: [modelOperand],
  options: { keep: texts("what", `of ${Object.keys(removable).join(", ")}`), ...outOption },
  examples: ["onnx strip stories/onnx/model.onnx --keep metadata --out small.onnx"],
  run: async ({ host, operands, options, note }) => {
    const out = target("onnx strip", options.out);
    const odd = options.keep.find((name) => !Object.hasOwn(removable, name));
    if (odd !== undefined) {
      throw new PatchClampError("BAD_OPTION", {
        where: "onnx strip",
        problem: `--keep ${odd} is nothing that is taken away.`,
        fix: `name ${Object.keys(removable).join(", ")}.`,
      });
    }
    const source = await findModel("onnx strip", host, operands["model"]!);
    const model = await surgeryOf(source);
    const kept = options.keep.map((name) => [removable[name as keyof typeof removable], false]);
    const stripped = model.strip(Object.fromEntries(kept) as Record<string, boolean>);
    const written = await writeModel(stripped, source, out);
    const bytes = {
      before: await source.files.size(source.path),
      after: (await stat(out)).size,
    };
    announce(note, written);
    return {
      data: { model: source.place, ...written, bytes },
      report: writtenReport(`${source.place} without what is for people`, written, [
        ["bytes before", String(bytes.before)],
        ["bytes after", String(bytes.after)],
      ]),
    };
  },
});
