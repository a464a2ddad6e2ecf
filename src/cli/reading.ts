// What a network reads on the command line: a prompt, or the inputs of an ONNX model.

import { PatchClampError } from "../core/errors.ts";
import type { GradOptions, GradResult, Pass } from "../network/network.ts";
import type { Tokenizer } from "../network/tokenizer.ts";
import type { AnyNetwork } from "../organisms/load-network.ts";
import type { Host } from "./command.ts";
import { openAny } from "./network.ts";
import { readGiven, readInputs } from "./onnx/given.ts";
import { findModel, isModelFile, networkOf } from "./onnx/model.ts";
import { readPrompt, toIds } from "./prompt.ts";

/** How an input was written. */
export interface ReadingOptions {
  /** The prompt; undefined where inputs come from a file. */
  readonly text: string | undefined;
  readonly isIds: boolean;
  /** A file with the inputs of an ONNX model by name. */
  readonly inputs: string | undefined;
}

/** A network with what it is to read. */
export interface Reading {
  /** What the network is called. */
  readonly network: string;
  readonly kind: AnyNetwork["kind"];
  /** The input, for people. */
  readonly prompt: string;
  /** One a position, as the vocabulary writes them; none where inputs came from a file. */
  readonly tokens: readonly string[];
  readonly tokenizer: Tokenizer | undefined;
  /** What the network cannot read in a prompt, as a sentence. */
  readonly warning: string | undefined;
  /** Site of the network's output. */
  readonly output: string;
  readonly run: (capture: readonly string[]) => Promise<Pass>;
  readonly grad: (options: GradOptions) => Promise<GradResult>;
}

/**
 * Opens a network and reads what it is given.
 *
 * @param where - the command
 * @throws PatchClampError `UNSUPPORTED` for a network that takes more than one text and is no ONNX model, `BAD_OPTION` when a file of inputs
 * is given to one that takes a text, and what opening and reading throw
 */
export async function readFor(
  where: string,
  host: Host,
  place: string,
  options: ReadingOptions,
): Promise<Reading> {
  if (isModelFile(place)) return readingOfModel(where, host, place, options);
  if (options.inputs !== undefined) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: `--inputs names the inputs of an ONNX model, and ${place} is none.`,
      fix: "give a prompt.",
    });
  }
  return readingOfText(where, await openAny(host, place), options.text!, options.isIds);
}

async function readingOfModel(
  where: string,
  host: Host,
  place: string,
  options: ReadingOptions,
): Promise<Reading> {
  const { text, isIds } = options;
  const model = await findModel(where, host, place);
  const inputs = options.inputs === undefined ? undefined : await readInputs(options.inputs);
  // what is read also shows which sites there are
  const network = await networkOf(model, inputs);
  const written = { text, isIds, inputs };
  const { input, tokens, tokenizer } = await readGiven(where, model, network.inputs, written);
  return {
    network: network.name,
    kind: "onnx",
    prompt: text ?? options.inputs!,
    tokens,
    tokenizer,
    warning: undefined,
    output: network.output,
    run: (capture) => network.run(input, { capture }),
    grad: (how) => network.grad(input, how),
  };
}

function readingOfText(where: string, any: AnyNetwork, text: string, isIds: boolean): Reading {
  const named = { network: any.network.name, kind: any.kind, prompt: text };
  if (any.kind === "decoder") {
    const { network } = any;
    const { ids, ...rest } = readPrompt(network, text, { isIds });
    return {
      ...named,
      ...rest,
      tokenizer: network.hasTokenizer ? network.tokenizer : undefined,
      output: network.output,
      run: (capture) => network.run([ids], { capture }),
      grad: (how) => network.grad([ids], how),
    };
  }
  if (any.kind === "encoder") {
    const { network } = any;
    const given = isIds ? toIds(text) : text;
    const ids = network.tokens(given).ids[0]!;
    return {
      ...named,
      tokens: ids.map((id) => (isIds ? String(id) : network.tokenizer.token(id))),
      tokenizer: network.hasTokenizer ? network.tokenizer : undefined,
      warning: undefined,
      output: network.output,
      run: (capture) => network.run(given, { capture }),
      grad: (how) => network.grad(given, how),
    };
  }
  throw new PatchClampError("UNSUPPORTED", {
    where,
    problem: `${any.network.name} takes more than one text (it is of the kind "${any.kind}").`,
    fix: `do it in a program of yours: net.${where === "grad" ? "grad(..., { of, at })" : "run(..., { capture })"}.`,
    facts: { kind: any.kind },
  });
}
