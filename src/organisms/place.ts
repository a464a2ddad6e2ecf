// What a place names: an organism that comes with the package, a repository of a model hub, a GGUF or ONNX file, or a folder.

import type { HubOptions } from "../checkpoints/hub/hub.ts";
import type { CheckpointSource } from "../checkpoints/load.ts";
import { openSource } from "../checkpoints/load.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { openFolder } from "../runtime/open-folder.ts";
import { organismNamed, requireOrganism } from "./catalog.ts";

/** Options of `openPlace`. */
export interface PlaceOptions {
  /** How repositories of a hub are reached and where they are kept. */
  hub?: HubOptions;
}

/** The files that a place names. */
export interface Place {
  /** Called as the place is. */
  readonly files: Files;
  /** The one file of them that is meant, for GGUF and ONNX. */
  readonly file?: string | undefined;
}

/**
 * Finds what a place names. Nothing is read yet but, of a hub, what there is.
 *
 * @param place - `organism:NAME`, or `organism:NAME@STEP` for a moment of its training where those are kept; `hf:org/name` or `hf:org/name@revision`, with `:FILE.gguf` or `:FILE.onnx` behind it for one file of it; the
 * path of a GGUF or ONNX file; or a folder in Hugging Face layout (in a browser its URL)
 * @throws PatchClampError `UNKNOWN_NAME` when there is no such organism, and what `hubFiles` throws
 */
export async function findPlace(place: string, options: PlaceOptions = {}): Promise<Place> {
  const { hub } = options;
  const [, organism, moment] = /^organism:([^@]*)(?:@(.*))?$/.exec(place) ?? [];
  if (organism !== undefined) {
    const folder = organismFolder(organism);
    const whole = moment === undefined ? folder : `${folder}/${await momentPath(organism, moment)}`;
    return { files: { ...openFolder(whole), name: place } };
  }
  const [, repository, file] = /^hf:([^:]*)(?::(.*))?$/.exec(place) ?? [];
  if (repository !== undefined) {
    // loaded here, so that who opens folders only pays nothing for it
    const { hubFiles } = await import("../checkpoints/hub/hub.ts");
    return { files: await hubFiles(repository, hub), file };
  }
  const [, folder = ".", name] = /^(?:(.*)[/\\])?([^/\\]+\.(?:gguf|onnx))$/.exec(place) ?? [];
  return name === undefined
    ? { files: openFolder(place) }
    : { files: openFolder(folder), file: name };
}

/**
 * Opens the checkpoint at a place.
 *
 * @throws PatchClampError what `findPlace`, `openSource` and `openGguf` throw
 */
export async function openPlace(
  place: string,
  options: PlaceOptions = {},
): Promise<CheckpointSource> {
  const { files, file } = await findPlace(place, options);
  if (file === undefined) return openSource(files);
  if (file.endsWith(".onnx")) {
    throw new PatchClampError("UNSUPPORTED", {
      where: "loadNetwork",
      problem: `${place} is an ONNX file, which says what is computed and not what it is for.`,
      fix: "open it with loadOnnx.",
    });
  }
  const { openGguf } = await import("../checkpoints/gguf/gguf.ts");
  return openGguf(files, file);
}

/**
 * Where an organism's files lie, as a URL.
 *
 * @throws PatchClampError `UNKNOWN_NAME` when there is no organism of that name
 */
export function organismFolder(name: string): string {
  requireOrganism("loadNetwork", name);
  return new URL(`../../organisms/${name}`, import.meta.url).href;
}

/** Where in an organism's folder the network lies that it was after `moment` steps. */
async function momentPath(name: string, moment: string): Promise<string> {
  const { recipe } = await organismNamed(name);
  const { moments = [] } = recipe;
  const step = moments.find((known) => String(known) === moment);
  if (step !== undefined) return momentFolder(step);
  throw new PatchClampError("UNKNOWN_NAME", {
    where: "loadNetwork",
    problem: `organism:${name} was not kept after "${moment}" steps.`,
    fix:
      moments.length === 0
        ? `open it as organism:${name}.`
        : `its moments are ${moments.join(", ")}.`,
  });
}

/** The folder of a moment, in that of its organism. */
export function momentFolder(step: number): string {
  return `checkpoints/${step}`;
}
