// Editing an ONNX file as it is, without running or re-tracing it.

import type { Files } from "../../core/files.ts";
import type { Bake } from "./bake.ts";
import { baked } from "./bake.ts";
import { Document } from "./document.ts";
import { renamed } from "./names.ts";
import { cut, exposed, halves } from "./outputs.ts";
import type { Saved } from "./save.ts";
import { bytesOfDocument, saved } from "./save.ts";
import type { StripOptions } from "./strip.ts";
import { stripped, withMetadata } from "./strip.ts";
import type { GraphValue } from "./values.ts";
import { checkValue, listValues, valueOf } from "./values.ts";
import type { ConstantData, LowRank } from "./weights.ts";
import { merged, replaced } from "./weights.ts";

/** A model in a folder; what lies beside it is read when it is needed. */
export interface ModelPlace {
  readonly files: Files;
  readonly path: string;
}

/**
 * Opens an ONNX model for editing.
 *
 * Every edit gives another model and leaves this one as it was. What no edit touches keeps its bytes: weights of any type,
 * quantised ones included, axes without fixed sizes, metadata, and fields that PatchClamp does not know.
 *
 * @param model - the bytes of a `.onnx` file, or where it lies; numbers in files beside it are not read here
 * @throws PatchClampError `BAD_FILE` when it is no ONNX model, or keeps data outside its folder
 */
export async function surgery(model: Uint8Array | ModelPlace): Promise<Surgery> {
  if (model instanceof Uint8Array) return new Surgery(Document.read(model, undefined));
  const { files, path } = model;
  return new Surgery(Document.read(await files.read(path), { files, path }));
}

/** The halves of a model: the outputs of `head` named in `passed` are inputs of `tail`. */
export interface SplitModel {
  readonly head: Surgery;
  readonly tail: Surgery;
  readonly passed: readonly string[];
}

/** A model under edit. */
export class Surgery {
  readonly #document: Document;

  /** @internal */
  constructor(document: Document) {
    this.#document = document;
  }

  /**
   * Lists the values of the graph: inputs, then constants, then what nodes make. Types and shapes that the file does not say are
   * inferred as far as they follow; values within bodies of nodes are not listed.
   */
  values(): GraphValue[] {
    return listValues(this.#document);
  }

  /**
   * One value of the graph.
   *
   * @throws PatchClampError `UNKNOWN_NAME` with the nearest names
   */
  value(name: string): GraphValue {
    checkValue("surgery.value", this.#document, name);
    return valueOf(this.#document, name);
  }

  /** The model's own keys and texts. */
  metadata(): ReadonlyMap<string, string> {
    return this.#document.head().metadata;
  }

  /**
   * Adds values to the outputs, with their types and shapes; those that are outputs already stay.
   *
   * @throws PatchClampError `UNKNOWN_NAME` when the graph has no such value
   */
  expose(names: string | readonly string[]): Surgery {
    return new Surgery(exposed(this.#document, listOf(names)));
  }

  /**
   * Ends the model at values, which become its only outputs. Nodes, constants, inputs and notes that they do not need are left out.
   *
   * @throws PatchClampError `UNKNOWN_NAME` when the graph has no such value, `BAD_OPTION` when no node makes it
   */
  cutAfter(names: string | readonly string[]): Surgery {
    return new Surgery(cut(this.#document, listOf(names)));
  }

  /**
   * Splits the model in two at values. The head makes them, whatever else the tail reads of its nodes, and those outputs of the
   * model that it has computed by then; the tail makes the other outputs. No node is in both.
   *
   * @throws PatchClampError as `cutAfter`; `BAD_OPTION` when nothing is left for the tail, `UNSUPPORTED` when it reads a value whose
   * type is not known
   */
  split(names: string | readonly string[]): SplitModel {
    const { head, tail, passed } = halves(this.#document, listOf(names));
    return { head: new Surgery(head), tail: new Surgery(tail), passed };
  }

  /**
   * Writes interventions into the graph as ordinary nodes, one after the other. What read a value, outputs included, reads the
   * changed value under the same name.
   *
   * @throws PatchClampError `UNKNOWN_NAME` when the graph has no such value, `SHAPE_MISMATCH` when numbers do not fit it,
   * `UNSUPPORTED` when it does not hold floating-point numbers, or the intervention chooses places or has a condition
   */
  bake(interventions: readonly Bake[]): Surgery {
    return new Surgery(baked(this.#document, interventions));
  }

  /**
   * Gives a constant other numbers of its type and shape.
   *
   * @throws PatchClampError `UNKNOWN_NAME` when there is no such constant, `SHAPE_MISMATCH` when the numbers are no such
   */
  replaceInitializer(name: string, data: ConstantData): Surgery {
    return new Surgery(replaced(this.#document, name, data));
  }

  /**
   * Adds a product of low rank to a weight, as LoRA adapters do: W + scale * B A. How the weight lies is read off the nodes that
   * use it. The sum is rounded once to the weight's type, when the model is written.
   *
   * @throws PatchClampError `UNKNOWN_NAME` when there is no such constant, `SHAPE_MISMATCH` when the factors do not fit,
   * `UNSUPPORTED` when it is quantised or its layout is not clear
   * @source Hu et al. 2021, arXiv:2106.09685, section 4.1
   */
  mergeLowRank(name: string, lowRank: LowRank): Surgery {
    return new Surgery(merged(this.#document, name, lowRank));
  }

  /**
   * Gives values other names wherever they are read, in bodies of nodes too. All at once, so that names can change places.
   *
   * @throws PatchClampError `UNKNOWN_NAME` when there is no value of an old name, `BAD_OPTION` when a new one is taken
   */
  rename(names: Readonly<Record<string, string>>): Surgery {
    return new Surgery(renamed(this.#document, names));
  }

  /** Takes away what is there for people: descriptions, metadata, types of inner values, names of nodes. */
  strip(options: StripOptions = {}): Surgery {
    return new Surgery(stripped(this.#document, options));
  }

  /** Sets keys of the model's metadata; undefined takes one away. */
  setMetadata(metadata: Readonly<Record<string, string | undefined>>): Surgery {
    return new Surgery(withMetadata(this.#document, metadata));
  }

  /**
   * Writes the model. Numbers in files beside it stay there; in another folder those files are copied, or what is still needed of
   * them is. New numbers go into the model, or beside it where others lie beside it. Files that a model reads are never written
   * over, so that a reader sees the old model or the new one.
   *
   * @throws PatchClampError `BAD_FILE` when a file beside the model is missing or too short, `BAD_OPTION` when the path is one that
   * the model reads
   */
  save(files: Files, path: string): Promise<Saved> {
    return saved(this.#document, files, path);
  }

  /** The bytes of the model, with new numbers in it. What lies in other files stays there. */
  bytes(): Promise<Uint8Array> {
    return bytesOfDocument(this.#document);
  }
}

function listOf(names: string | readonly string[]): readonly string[] {
  return typeof names === "string" ? [names] : names;
}
