// A command is data: its name, what it takes, examples, and a function. `bind.ts` makes a Commander command of it, and
// gives every command `--json`, `--debug` and, where it names formats, `--out FILE`.

import type { ColorLevel, Report } from "../report/index.ts";

/** What a command may know of the world around it. Tests give one of their own. */
export interface Host {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** What the user types; `isTTY` says whether somebody sits there. */
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Columns that text is laid out in. */
  readonly width: number;
  readonly color: ColorLevel;
  /** Where progress bars are drawn; undefined when nobody would see them. */
  readonly bars: NodeJS.WriteStream | undefined;
  /** Milliseconds since any moment. */
  readonly clock: () => number;
  /** From the first call on, Ctrl-C aborts this signal; the second Ctrl-C ends the process. */
  readonly interrupted: () => AbortSignal;
}

/** One option. `T` is what the command gets. */
export interface OptionSpec<T> {
  /** What stands for the value in the help, such as `N`; an option without one is a switch. */
  readonly value?: string;
  readonly help: string;
  /** Makes a value of the text; throws `InvalidArgumentError`. */
  readonly parse?: (text: string) => T;
  /** Takes several values. */
  readonly isList?: boolean;
  readonly default?: T;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>;

/** What a command gets for its options, by their names in camelCase. */
export type OptionsOf<O extends OptionSpecs> = {
  readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never;
};

/** A word on the command line that is no option. */
export interface Operand {
  readonly name: string;
  readonly help: string;
  /** An operand with a default may be left out, although others follow. */
  readonly default?: string;
  /** The last operand may be left out without a default. */
  readonly isOptional?: boolean;
  /** Name of an option that takes the place of the operand. */
  readonly unless?: string;
  /** The last operand may be several words; they are the call's `rest`. */
  readonly isList?: boolean;
}

/** One use of a command. */
export interface Call<O extends OptionSpecs> {
  readonly host: Host;
  readonly operands: Readonly<Record<string, string>>;
  /** All words of the last operand, where it takes several. */
  readonly rest: readonly string[];
  readonly options: OptionsOf<O>;
  /** The files of `--out`. */
  readonly out: readonly string[];
  /** Prints to standard output, unless the output is JSON. */
  readonly print: (text: string) => void;
  /** Prints a report, unless the output is JSON. */
  readonly show: (report: Report) => void;
  /** Tells something in passing, on standard error. */
  readonly note: (text: string) => void;
}

/** What a command found. */
export interface Outcome {
  /** With `--json`, the one document on standard output; its keys are stable. */
  readonly data: unknown;
  /** Printed without `--json`, and saved by `--out x.html`. */
  readonly report?: Report;
  /** The command has printed what matters; the report is for `--out` alone. */
  readonly isPrinted?: boolean;
  /** Contents of `--out x.EXTENSION`, by extension; `json` and `html` are made of the rest. */
  readonly files?: Readonly<Record<string, () => Uint8Array>>;
  /** 0 unless given; 1 says that what was checked does not hold, 130 that Ctrl-C ended it early. */
  readonly exitCode?: 0 | 1 | 130;
}

export interface CommandSpec<O extends OptionSpecs> {
  /** Words after `patchclamp`; those before the last name a command or a group. */
  readonly name: string;
  readonly summary: string;
  readonly operands: readonly Operand[];
  readonly options: O;
  /** Extensions that `--out FILE` may have; without them there is no such option. */
  readonly formats?: readonly string[];
  /** Lines that work as they stand. */
  readonly examples: readonly string[];
  readonly run: (call: Call<O>) => Promise<Outcome>;
}

/** A command whose option types are forgotten, so that commands can be listed. */
export type Command = CommandSpec<OptionSpecs>;

/** Checks a command's types against each other. */
export function command<O extends OptionSpecs>(spec: CommandSpec<O>): Command {
  return spec as unknown as Command;
}

/** A word that does nothing of its own: it stands before the names of commands that go together. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
}
