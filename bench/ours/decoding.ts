// Our side of the suite `generate`: what a token costs after the first, as a user of PatchClamp sees it.

import type { LanguageGenerateOptions, LanguageNetwork } from "patchclamp";

import { now } from "../harness.ts";
import type { Sample } from "../harness.ts";

type Prompts = readonly (readonly number[])[];

/** How much is generated, and what changes it. */
export type DecodeOptions = LanguageGenerateOptions & { readonly maxTokens: number };

/**
 * Greedy tokens after prompts.
 *
 * `value`: milliseconds of a step after the first, which is the prompt's. `result`: of every token of every row, id % 97 and
 * its log-probability in nats, as peers give them; the first tells tokens apart, the second tells networks apart.
 */
export async function decode(
  net: LanguageNetwork,
  prompts: Prompts,
  options: DecodeOptions,
): Promise<Sample> {
  const steps = stepsOf(net, prompts, options);
  await steps.next();
  const start = now();
  let count = 0;
  while (!(await steps.next()).done) count++;
  return { value: (now() - start) / count, result: steps.result() };
}

/** Both sides of a comparison of two ways to decode, a token of one and a token of the other in turn. */
export interface Lockstep {
  readonly first: Sample;
  readonly second: Sample;
}

/**
 * Decodes in two ways at once, so that whatever else the machine does meets both alike.
 *
 * `value`: the median over the steps, in milliseconds.
 */
export async function lockstep(
  net: LanguageNetwork,
  prompts: Prompts,
  ways: readonly [DecodeOptions, DecodeOptions],
): Promise<Lockstep> {
  const both = ways.map((options) => ({
    steps: stepsOf(net, prompts, options),
    ms: [] as number[],
  }));
  for (const { steps } of both) await steps.next();
  for (let i = 1, isOver = false; !isOver; i++) {
    for (const { steps, ms } of i % 2 === 0 ? both : both.toReversed()) {
      const start = now();
      isOver = (await steps.next()).done || isOver;
      if (!isOver) ms.push(now() - start);
    }
  }
  const [first, second] = both.map(({ steps, ms }) => ({
    value: ms.toSorted((a, b) => a - b)[Math.floor(ms.length / 2)]!,
    result: steps.result(),
  }));
  return { first: first!, second: second! };
}

/** A generation by steps, each of which is a token of every row. */
interface Steps {
  readonly next: () => Promise<{ readonly done: boolean }>;
  /** Of all tokens so far, rows in turn. */
  readonly result: () => readonly number[];
}

function stepsOf(net: LanguageNetwork, prompts: Prompts, options: DecodeOptions): Steps {
  const tokens = net.generate(prompts, { temperature: 0, ...options });
  const seen: { readonly id: number; readonly logProbability: number }[] = [];
  return {
    next: async () => {
      for (let row = 0; row < prompts.length; row++) {
        const { value, done } = await tokens.next();
        if (done === true) return { done };
        seen.push(value);
      }
      return { done: false };
    },
    result: () => seen.flatMap(({ id, logProbability }) => [id % 97, logProbability]),
  };
}

/** Everything from prompts to their last tokens: milliseconds, and the result of each row in turn. */
export async function generateAll(
  net: LanguageNetwork,
  prompts: Prompts,
  options: DecodeOptions,
): Promise<Sample> {
  const rows = prompts.map((): number[] => []);
  const start = now();
  for await (const { row, id, logProbability } of net.generate(prompts, {
    temperature: 0,
    ...options,
  })) {
    rows[row]!.push(id % 97, logProbability);
  }
  return { value: now() - start, result: rows.flat() };
}
