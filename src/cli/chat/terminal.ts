// Lines that a user types, and keys that act while a line is being typed. Without a terminal, lines of standard input.

import { createInterface } from "node:readline";
import type { Key } from "node:readline";
import { Writable } from "node:stream";

import type { Host } from "../command.ts";

/** Who a chat talks to. */
export interface Terminal {
  /** Whether somebody sits there, who wants a prompt. */
  readonly isLive: boolean;
  /** The next line; undefined when there is none any more. */
  readonly ask: () => Promise<string | undefined>;
  /**
   * Runs what writes an answer. What is typed meanwhile waits unseen.
   *
   * @param work - its signal is aborted by Ctrl-C
   */
  readonly during: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly close: () => void;
}

/** What the terminal shows and hears beside lines. */
export interface TerminalOptions {
  /** What stands before the line that is typed; asked for anew after every key. */
  readonly prompt: () => string;
  /** Hears the strength keys: 1 for up, -1 for down. */
  readonly turn: (steps: number) => void;
}

/** Begins to listen to standard input. */
export function openTerminal(host: Host, options: TerminalOptions): Terminal {
  return host.stdin.isTTY === true ? liveTerminal(host, options) : pipedLines(host);
}

/** Steps of the strength that a key stands for. */
function stepsOf({ name, ctrl, shift, meta }: Key): number {
  const isPlain = !shift && !meta;
  if (isPlain && (name === "pageup" || (ctrl && name === "up"))) return 1;
  if (isPlain && (name === "pagedown" || (ctrl && name === "down"))) return -1;
  return 0;
}

function liveTerminal(host: Host, { prompt, turn }: TerminalOptions): Terminal {
  let isAnswering = false;
  let answer = new AbortController();
  const screen = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!isAnswering) host.stdout(chunk.toString());
      done();
    },
  });
  // readline wraps lines at the width of the terminal itself, which may change
  Object.defineProperty(screen, "columns", { get: () => host.bars?.columns ?? host.width });
  const readline = createInterface({ input: host.stdin, output: screen, terminal: true });
  const lines = new LineQueue();
  readline.on("line", lines.push).on("close", lines.end);
  readline.on("SIGINT", () => {
    if (isAnswering) answer.abort(new Error("Ctrl-C"));
    else readline.close();
  });
  const show = (): void => {
    readline.setPrompt(prompt());
    readline.prompt(true);
  };
  const onKey = (_text: string | undefined, key: Key): void => {
    const steps = stepsOf(key);
    if (steps === 0) return;
    turn(steps);
    if (!isAnswering) show();
  };
  host.stdin.on("keypress", onKey);
  return {
    isLive: true,
    ask: () => {
      if (lines.isEmpty) show();
      return lines.next();
    },
    during: async (work) => {
      isAnswering = true;
      answer = new AbortController();
      try {
        return await work(answer.signal);
      } finally {
        isAnswering = false;
      }
    },
    close: () => {
      host.stdin.off("keypress", onKey);
      readline.close();
    },
  };
}

function pipedLines(host: Host): Terminal {
  const readline = createInterface({ input: host.stdin, terminal: false });
  const lines = new LineQueue();
  readline.on("line", lines.push).on("close", lines.end);
  const signal = host.interrupted();
  signal.addEventListener("abort", lines.end);
  return {
    isLive: false,
    ask: () => lines.next(),
    during: (work) => work(signal),
    close: () => readline.close(),
  };
}

/** Lines that come when they come, for one reader who waits for the next. */
class LineQueue {
  readonly #lines: string[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;
  #isOver = false;

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  readonly push = (line: string): void => {
    if (this.#waiting === undefined) this.#lines.push(line);
    else this.#give(line);
  };

  readonly end = (): void => {
    this.#isOver = true;
    this.#give(undefined);
  };

  next(): Promise<string | undefined> {
    const line = this.#lines.shift();
    if (line !== undefined || this.#isOver) return Promise.resolve(line);
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  #give(line: string | undefined): void {
    this.#waiting?.(line);
    this.#waiting = undefined;
  }
}
