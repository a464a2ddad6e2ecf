// ONNX files as commands open them: as a network whose values are sites, or under the knife.

import { existsSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";

import { openOnnx } from "../../checkpoints/open-onnx.ts";
import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import type { OnnxInput } from "../../network/onnx/onnx-inputs.ts";
import type { OnnxNetwork } from "../../network/onnx/onnx-network.ts";
import { surgery } from "../../onnx/surgery/index.ts";
import type { Saved, Surgery } from "../../onnx/surgery/index.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import type { Host, Operand } from "../command.ts";
import { findFiles } from "../network.ts";

/** The model of a command that edits files. */
export const modelOperand: Operand = {
  name: "model",
  help: "an ONNX file, or hf:org/name:FILE.onnx",
};

/** Where a model lies. */
export interface ModelFile {
  /** As the user wrote it. */
  readonly place: string;
  readonly files: Files;
  readonly path: string;
}

/** Whether a place names an ONNX file. */
export function isModelFile(place: string): boolean {
  return place.endsWith(".onnx");
}

/**
 * Finds an ONNX file.
 *
 * @throws PatchClampError `BAD_INPUT` when the place names something else
 */
export async function findModel(where: string, host: Host, place: string): Promise<ModelFile> {
  if (isModelFile(place)) {
    const { files, file } = await findFiles(host, place);
    if (file !== undefined) return { place, files, path: file };
  }
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `${place} is no ONNX file.`,
    fix: "name a file that ends in .onnx; `patchclamp export` makes one of a network.",
  });
}

/** Opens a model as a network. */
export function networkOf(
  { place, files, path }: ModelFile,
  example?: OnnxInput,
): Promise<OnnxNetwork> {
  return openOnnx(files, path, { name: place, ...(example === undefined ? {} : { example }) });
}

/** Opens a model for editing. */
export function surgeryOf({ files, path }: ModelFile): Promise<Surgery> {
  return surgery({ files, path });
}

/** What was written, as paths that the user can open. */
export interface Written {
  readonly file: string;
  /** Files of numbers that were written beside it. */
  readonly beside: readonly string[];
  /** Files that it reads and that were there. */
  readonly reads: readonly string[];
}

/**
 * Writes a model.
 *
 * @param source - where it was opened, whose files stay in use when it is saved beside them
 * @param out - the path of the new file
 * @throws PatchClampError `BAD_OPTION` when the path is none of an ONNX file, and what `Surgery.save` throws
 */
export async function writeModel(model: Surgery, source: ModelFile, out: string): Promise<Written> {
  if (extname(out) !== ".onnx") {
    throw new PatchClampError("BAD_OPTION", {
      where: "--out",
      problem: `${out} does not end in .onnx.`,
      fix: "name the new file, such as --out steered.onnx.",
    });
  }
  const folder = dirname(out);
  const isBeside = existsSync(source.place) && resolve(dirname(source.place)) === resolve(folder);
  const files = isBeside ? source.files : nodeFiles(folder);
  const { written, kept }: Saved = await model.save(files, basename(out));
  const inFolder = (path: string): string => (folder === "." ? path : `${folder}/${path}`);
  return { file: out, beside: written.slice(0, -1).map(inFolder), reads: kept.map(inFolder) };
}

/** Says what was written. */
export function announce(note: (line: string) => void, { file, beside }: Written): void {
  note(`Saved ${[file, ...beside].join(" and ")}.`);
}
