// What every fuzzed case must do: give a result or a PatchClampError, soon, and in little memory.

import { getHeapStatistics } from "node:v8";

import { PatchClampError } from "../../src/core/errors.ts";
import type { Files } from "../../src/core/files.ts";
import type { AllocationCount } from "./allocations.ts";
import type { Watchdog } from "./watchdog.ts";

/** Time of the processor, which other programs on the machine do not lengthen as they do time on the wall. */
const LIMIT_MS = 1000;
/** Array buffers beside those in proportion to the input, such as a table of 256 bytes' places. */
const BASE_BYTES = 2 ** 12;
/** Objects on the heap, garbage that nobody collected among them: the parameters of the largest families alone are 30 MB. */
const HEAP_BYTES = 2 ** 26;

/** What the bytes of a case may cost. */
export interface Allowance {
  /** Of the files together. */
  readonly inputBytes: number;
  /** Of the numbers that were read, in memory. Default 0. */
  readonly resultBytes?: () => number;
}

/** How often each came out. */
export interface Tally {
  accepted: number;
  refused: number;
}

/** Runs cases and counts how they end. */
export class Trial {
  readonly tally: Tally = { accepted: 0, refused: 0 };
  /** The most that any case took, in ms. */
  slowestMs = 0;
  readonly #allocated: AllocationCount;
  readonly #watchdog: Watchdog;

  constructor(allocated: AllocationCount, watchdog: Watchdog) {
    this.#allocated = allocated;
    this.#watchdog = watchdog;
  }

  /** @throws Error of any kind when the case does what no case may do */
  async run(
    act: () => unknown,
    { inputBytes, resultBytes = () => 0 }: Allowance,
  ): Promise<keyof Tally> {
    const heap = heapBytes();
    const bytes = this.#allocated.bytes();
    const start = process.cpuUsage();
    this.#watchdog.beat();
    const outcome = await outcomeOf(act);
    this.#watchdog.beat();
    const { user, system } = process.cpuUsage(start);
    const costs = {
      ms: (user + system) / 1000,
      bytes: this.#allocated.bytes() - bytes,
      heap: heapBytes() - heap,
    };
    this.slowestMs = Math.max(this.slowestMs, costs.ms);
    const limits = {
      ms: LIMIT_MS,
      bytes: 2 * Math.max(inputBytes, resultBytes()) + BASE_BYTES,
      heap: HEAP_BYTES,
    };
    for (const cost of ["ms", "bytes", "heap"] as const) {
      if (costs[cost] <= limits[cost]) continue;
      throw new Error(`it took ${costs[cost]} ${cost}; the limit is ${limits[cost]}`);
    }
    this.tally[outcome] += 1;
    return outcome;
  }
}

/**
 * How something ends.
 *
 * @throws whatever it throws that is no PatchClampError
 */
export async function outcomeOf(act: () => unknown): Promise<keyof Tally> {
  try {
    await act();
    return "accepted";
  } catch (error) {
    if (error instanceof PatchClampError) return "refused";
    throw error;
  }
}

function heapBytes(): number {
  return getHeapStatistics().used_heap_size;
}

/** Passes reads on and counts the bytes that they ask for; files that are read as a whole count as often as they are. */
export function countingReads(files: Files): Files & { readonly bytesAsked: () => number } {
  let bytesAsked = 0;
  return {
    ...files,
    read: async (path) => {
      bytesAsked += await files.size(path);
      return files.read(path);
    },
    readRange: async (path, start, end) => {
      bytesAsked += end - start;
      return files.readRange(path, start, end);
    },
    bytesAsked: () => bytesAsked,
  };
}
