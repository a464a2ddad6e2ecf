// The conversation with peers/peer.py and peers/peer.mjs: JSON lines over standard input and output, one process for a whole
// suite.

import { spawn, spawnSync } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Interface } from "node:readline";

import type { Sample, Side } from "./harness.ts";
import { root } from "./machine.ts";

/** What a peer's program answers; only `peer` when it was asked to prepare. */
export interface Answer {
  readonly ms: number;
  readonly peer: string;
  readonly result: readonly number[];
  /** Peak memory of the Python process, and its memory before the work, in MB. */
  readonly peakRssMb: number;
  readonly restRssMb: number;
}

interface Request {
  readonly task: string;
  readonly args: TaskArguments;
  readonly onlyPrepare?: boolean;
}

/** What a task of a peer is told. */
export type TaskArguments = Readonly<Record<string, string | number>>;

const FOLDER = path.join(root, "bench", "peers");
const SCRIPT = path.join(FOLDER, "peer.py");
const SETUP = "run `node bench/peers/setup.mjs`";

type Command = readonly [program: string, ...args: string[]];

/** A program that has peers: how to start it, and what to do when it cannot be. */
export interface PeerProgram {
  /** Undefined where it is not set up. */
  readonly command: () => Command | undefined;
  readonly setup: string;
}

/** The peers that are Python packages. */
export const PYTHON: PeerProgram = {
  command: () => {
    const python = peerPython();
    return python === undefined ? undefined : [python, SCRIPT];
  },
  setup: `${SETUP}, or name a Python that has them in PATCHCLAMP_PYTHON`,
};

/** The peers that are npm packages. */
export const NODE: PeerProgram = {
  command: () =>
    existsSync(path.join(FOLDER, "node_modules"))
      ? [process.execPath, "--expose-gc", path.join(FOLDER, "peer.mjs")]
      : undefined,
  setup: SETUP,
};

/** The Python that has the peers: PATCHCLAMP_PYTHON, or the environment that setup.mjs makes; else undefined. */
export function peerPython(): string | undefined {
  const named = process.env["PATCHCLAMP_PYTHON"];
  if (named !== undefined && named !== "") return named;
  const bin = process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"];
  const made = path.join(FOLDER, ".venv", ...bin);
  return existsSync(made) ? made : undefined;
}

/** A peer that works, or the sentence that says why there is none. */
export type PeerOffer =
  | { readonly name: string; readonly side: Side }
  | { readonly name: string; readonly side?: undefined; readonly reason: string };

/** A process that does tasks on request. */
export class PeerProcess {
  readonly #program: PeerProgram;
  #child: ChildProcessWithoutNullStreams | undefined;
  #lines: Interface | undefined;
  #answers: AsyncIterator<string> | undefined;

  /** @param program - what the peers are packages of. Default: Python */
  constructor(program: PeerProgram = PYTHON) {
    this.#program = program;
  }

  /**
   * Makes a task ready: its libraries imported, its models built.
   *
   * @param task - `module:task` of a file beside the program, or a task of peer.py
   * @param fallbackName - what to call the peer when it cannot speak for itself
   */
  async offer(task: string, fallbackName: string, args: TaskArguments = {}): Promise<PeerOffer> {
    const { setup } = this.#program;
    const command = this.#program.command();
    if (command === undefined) {
      return { name: fallbackName, reason: `${fallbackName} is not set up: ${setup}` };
    }
    try {
      const { peer } = await this.#ask(command, { task, args, onlyPrepare: true });
      return { name: peer, side: async () => sampleOf(await this.#ask(command, { task, args })) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { name: fallbackName, reason: `${fallbackName} failed (${why}): ${setup}` };
    }
  }

  async #ask(command: Command, request: Request): Promise<Answer> {
    this.#start(command);
    this.#child!.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers!.next();
    if (done === true) throw new Error(`${command[0]} ended without an answer to ${request.task}`);
    return parseAnswer(value);
  }

  #start([program, ...args]: Command): void {
    if (this.#child !== undefined) return;
    const child = spawn(program, args, { stdio: "pipe" });
    const lines = createInterface({ input: child.stdout });
    // A program that is not there gives no lines; whoever waits for one must hear of it.
    child.once("error", () => lines.close());
    child.stdin.on("error", () => lines.close());
    child.stderr.resume();
    this.#child = child;
    this.#lines = lines;
    this.#answers = lines[Symbol.asyncIterator]();
  }

  close(): void {
    this.#child?.stdin.end();
    this.#lines?.close();
    this.#child?.kill();
    this.#child = undefined;
  }
}

/**
 * Does a task once in a fresh Python process, to learn its peak memory.
 *
 * @returns undefined when there is no peer here
 */
export function peerOnce(task: string, args: TaskArguments = {}): Answer | undefined {
  const python = peerPython();
  if (python === undefined) return undefined;
  const { stdout, status } = spawnSync(python, [SCRIPT, "--once", task, JSON.stringify(args)], {
    encoding: "utf8",
  });
  return status === 0 ? parseAnswer(stdout) : undefined;
}

function sampleOf({ ms, result }: Answer): Sample {
  return { value: ms, result };
}

function parseAnswer(line: string): Answer {
  const answer = JSON.parse(line) as Answer | { readonly error: string };
  if ("error" in answer) throw new Error(answer.error);
  return answer;
}
