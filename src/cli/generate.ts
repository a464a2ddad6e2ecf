// `patchclamp generate`: continue texts, steered and recorded where that is asked for.

import { Chalk } from "chalk";

import { writeSafetensors } from "../checkpoints/safetensors.ts";
import { PatchClampError } from "../core/errors.ts";
import type { LanguageGenerateOptions, LanguageNetwork } from "../network/language.ts";
import { report, text } from "../report/index.ts";
import type { Report, Section } from "../report/index.ts";
import { command } from "./command.ts";
import type { Call, OptionsOf, Outcome } from "./command.ts";
import type { Continuation, Continued } from "./continuation.ts";
import { continuePrompts, likelihoods } from "./continuation.ts";
import type { LoadedSet } from "./interventions.ts";
import { listed, loadSets, setsOf } from "./interventions.ts";
import { openLanguage } from "./network.ts";
import { networkOperand, number, optionalNumber, promptOperand, texts } from "./options.ts";
import { promptForm, readPrompt } from "./prompt.ts";
import type { ReadPrompt } from "./prompt.ts";
import { capturedJson, capturedTable, GenerationRecord } from "./recording.ts";
import {
  endOptions,
  promptOptions,
  samplingOf,
  samplingOptions,
  steeringOptions,
  weightsOptions,
} from "./shared-options.ts";

/** The report of what was written. */
function writtenReport(
  net: LanguageNetwork,
  texts: readonly string[],
  more: readonly Section[],
): Report {
  return report({
    title: `Written by ${net.name}`,
    sections: [text({ paragraphs: texts }), ...more],
  });
}

/** A recording needs something to record. */
function checkRecording(out: readonly string[], capture: readonly string[]): void {
  const file = out.find((path) => path.endsWith(".safetensors"));
  if (file === undefined || capture.length > 0) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "generate",
    problem: `--out is ${file}, but nothing is recorded.`,
    fix: 'add --capture "blocks.*.resid_post", or save .html or .json.',
  });
}

const options = {
  ...endOptions,
  ...samplingOptions,
  count: number("n", "continuations of each prompt, drawn apart from each other", 1),
  logProbabilities: optionalNumber("n", "show log-probabilities and the n likeliest tokens"),
  promptLookup: optionalNumber("n", "draft n tokens at a time from the text so far; same output"),
  ...steeringOptions,
  capture: texts("glob", "record these sites at every token; save them with --out x.safetensors"),
  ...promptOptions,
  ...weightsOptions,
} as const;

/** The options of the library's `generate`. */
function generationOf(
  given: OptionsOf<typeof options>,
  loaded: readonly LoadedSet[],
  signal: AbortSignal,
): LanguageGenerateOptions {
  const { stop, maxTokens, count, logProbabilities, promptLookup, strength, capture } = given;
  return {
    ...samplingOf(given),
    count,
    logProbabilities,
    promptLookup,
    strength,
    stopStrings: stop,
    interventions: setsOf(loaded),
    signal,
    ...(capture.length === 0 ? {} : { capture }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
}

export const generate = command({
  name: "generate",
  summary: "continue texts, steered by intervention files and recorded where you ask",
  operands: [networkOperand, { ...promptOperand, isList: true }],
  options,
  formats: ["html", "json", "safetensors"],
  examples: [
    'generate "It was a windy morning at the park." --temperature 1 --seed 4',
    'generate organism:stories "Mira was at the park." "Tomo was at the lake." --count 2 --temperature 1',
    'generate "Mira found a red kite." --capture "blocks.*.resid_post" --out kite.safetensors',
  ],
  run: async (call) => {
    const { host, operands, rest, out, print, note } = call;
    const { capture, count, interventions } = call.options;
    checkRecording(out, capture);
    const net = await openLanguage(host, operands["network"]!, call.options);
    const prompts = rest.map((prompt) => readPrompt(net, prompt, promptForm(call.options)));
    for (const { warning } of prompts) if (warning !== undefined) note(warning);
    const loaded = await loadSets(net, interventions, note);
    const record = capture.length === 0 ? undefined : new GenerationRecord(net, capture, count);
    const ink = new Chalk({ level: host.color });
    const shown = rest.map((text, i) =>
      ink.dim(net.hasTokenizer ? text.trim() : prompts[i]!.tokens.join(" ")),
    );
    print(shown[0]!);
    const continued = await continuePrompts(
      net,
      prompts,
      generationOf(call.options, loaded, host.interrupted()),
      { write: print, ...(record === undefined ? {} : { record: (token) => record.add(token) }) },
    );
    for (const [row, own] of continued.continuations.entries()) {
      if (row === 0) continue;
      print(`\n\n${row % count === 0 ? shown[row / count]! : ink.dim("...")}${own.text}`);
    }
    print("\n");
    return told(call, net, { prompts, loaded, record, ...continued });
  },
});

/** Everything that came of it. */
interface Found extends Continued {
  readonly prompts: readonly ReadPrompt[];
  readonly loaded: readonly LoadedSet[];
  readonly record: GenerationRecord | undefined;
}

/** Tells what there is beside the texts, and gathers what is saved. */
function told(
  { rest, options: { count, strength }, print, show, note }: Call<typeof options>,
  net: LanguageNetwork,
  { prompts, loaded, record, continuations, isAborted }: Found,
): Outcome {
  const more = [
    ...likelihoods(continuations),
    ...(record === undefined ? [] : [capturedTable(record.all(), record.summary())]),
  ];
  if (more.length > 0) {
    print("\n");
    show(report({ title: `What ${net.name} made of it`, sections: more }));
  }
  if (isAborted) note("Stopped by Ctrl-C; what was written until then is above.");
  const written = continuations.map((own, row) => rest[Math.floor(row / count)]! + own.text);
  const labels = {
    network: net.name,
    prompts: JSON.stringify(rest),
    texts: JSON.stringify(continuations.map((own) => own.text)),
  };
  return {
    data: {
      network: net.name,
      ...writtenJson(rest, prompts, continuations),
      ...(loaded.length === 0 ? {} : { strength, interventions: listed(loaded) }),
      ...(record === undefined
        ? {}
        : { captured: { labels: record.labels, sites: capturedJson(record.all()) } }),
      ...(isAborted ? { isAborted } : {}),
    },
    report: writtenReport(net, written, more),
    isPrinted: true,
    ...(record === undefined
      ? {}
      : { files: { safetensors: () => writeSafetensors(record.tensors(), labels) } }),
    exitCode: isAborted ? 130 : 0,
  };
}

/** One prompt stands by itself; of several, each with what was written after it. */
function writtenJson(
  texts: readonly string[],
  prompts: readonly ReadPrompt[],
  continuations: readonly Continuation[],
): Readonly<Record<string, unknown>> {
  const count = continuations.length / prompts.length;
  const one = (i: number): Readonly<Record<string, unknown>> => {
    const own = continuations.slice(i * count, (i + 1) * count);
    return {
      prompt: texts[i]!,
      tokens: prompts[i]!.tokens,
      continuation: own[0]!.text,
      generated: own[0]!.generated,
      ...(count === 1 ? {} : { continuations: own }),
    };
  };
  return prompts.length === 1 ? one(0) : { prompts: prompts.map((_, i) => one(i)) };
}
