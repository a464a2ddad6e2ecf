// The demonstration is told in chapters: each asks one question of the network and answers it with figures.

import type { LanguageNetwork } from "../../network/language.ts";
import type { Section } from "../../report/index.ts";

/** What a chapter found. */
export interface Finding {
  readonly sections: readonly Section[];
  /** The same in numbers, for `--json`. */
  readonly numbers: Readonly<Record<string, unknown>>;
}

/** One question. */
export interface Chapter {
  /** Key of its numbers. */
  readonly slug: string;
  readonly title: string;
  /** Answers it; `say` tells what is being done. */
  readonly run: (net: LanguageNetwork, say: (what: string) => void) => Promise<Finding>;
}

/** A share as people say it. */
export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Index of the largest value. */
export function largest(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}
