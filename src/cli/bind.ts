// From commands as data to Commander, which parses and prints help.

import { existsSync } from "node:fs";
import { basename, dirname, extname } from "node:path";

import { Option } from "commander";
import type { Command as Program } from "commander";

import { printReport, reportPage } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import type {
  Call,
  Command,
  CommandGroup,
  Host,
  Operand,
  OptionSpecs,
  OptionsOf,
  Outcome,
} from "./command.ts";
import { vegaScripts } from "./vega-scripts.ts";

/**
 * Adds a command to a program.
 *
 * @param done - gets the exit code of the command once it has run
 */
export function bind(
  program: Program,
  spec: Command,
  host: Host,
  done: (exitCode: number) => void,
): void {
  const bound = bindName(program, spec).usage(usageOf(spec));
  for (const operand of spec.operands) {
    bound.argument(`[${operand.name}${operand.isList ? "..." : ""}]`, operandHelp(operand));
  }
  for (const [key, option] of Object.entries(spec.options)) bound.addOption(optionOf(key, option));
  if (spec.formats !== undefined) bound.addOption(outOption(spec.formats));
  bound.option("--json", "print one JSON document and nothing else");
  bound.option("--debug", "print the stack of an unexpected error");
  bound.addHelpText(
    "after",
    `\nExamples:\n${spec.examples.map((line) => `  $ patchclamp ${line}`).join("\n")}`,
  );
  bound.action(async () => {
    const given = bound.opts<Record<string, unknown>>();
    const isJson = given["json"] === true;
    const known = spec.formats;
    const out = known === undefined ? [] : ((given["out"] ?? []) as readonly string[]);
    const formats = out.map((file) => formatOf(bound, file, known!));
    const words = operandsOf(bound, spec.operands);
    const options = withDefaults(spec.options, given);
    const call = { ...voices(host, isJson), host, ...words, options, out };
    const outcome = await spec.run(call);
    if (isJson) host.stdout(`${JSON.stringify(outcome.data, null, 2)}\n`);
    else if (outcome.report !== undefined && outcome.isPrinted !== true) call.show(outcome.report);
    for (const [i, format] of formats.entries()) {
      const file = out[i]!;
      await nodeFiles(dirname(file)).write(basename(file), await contentOf(outcome, format));
      call.note(`Saved ${file}.`);
    }
    done(outcome.exitCode ?? 0);
  });
}

/** Adds a word that other commands stand below. */
export function bindGroup(program: Program, group: CommandGroup): void {
  bindName(program, group).usage("<command> [options]");
}

/** Finds the place of a command by the words before its last, and adds it there. */
function bindName(program: Program, { name, summary }: CommandGroup): Program {
  const words = name.split(" ");
  const parent = words
    .slice(0, -1)
    .reduce((at, word) => at.commands.find((child) => child.name() === word)!, program);
  return parent.command(words.at(-1)!).summary(summary).description(summary).helpCommand(false);
}

/** May be given several times. */
function outOption(formats: readonly string[]): Option {
  const kinds = formats.map((format) => `.${format}`).join(" or ");
  const collect = (file: string, before: readonly string[] = []): string[] => [...before, file];
  return new Option("--out <file>", `also save it as ${kinds}`).argParser(collect);
}

function usageOf({ operands, options }: Command): string {
  const names = operands.map(({ name, default: standard, isOptional, isList }) => {
    const word = `${name}${isList ? "..." : ""}`;
    return standard === undefined && !isOptional ? `<${word}>` : `[${word}]`;
  });
  return [...names, ...(Object.keys(options).length > 0 ? ["[options]"] : [])].join(" ");
}

function operandHelp({ help, default: standard }: Operand): string {
  return standard === undefined ? help : `${help} (default: ${standard})`;
}

function optionOf(
  key: string,
  { value, help, parse, isList, default: standard }: OptionSpecs[string],
): Option {
  const name = `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const option = new Option(
    value === undefined ? name : `${name} <${value}${isList ? "..." : ""}>`,
    help,
  );
  if (parse !== undefined) option.argParser(parse);
  const shown = [standard].flat().join();
  if (standard !== undefined && standard !== false && shown !== "") option.default(standard, shown);
  return option;
}

/** Options with the defaults that the help does not show. */
function withDefaults(
  specs: OptionSpecs,
  given: Readonly<Record<string, unknown>>,
): OptionsOf<OptionSpecs> {
  return Object.fromEntries(
    Object.entries(specs).map(([key, { default: standard }]) => [key, given[key] ?? standard]),
  );
}

/** Gives words to operands; those with a default are skipped from the left when words are missing. */
function operandsOf(
  bound: Program,
  operands: readonly Operand[],
): Pick<Call<OptionSpecs>, "operands" | "rest"> {
  const words = [...bound.args];
  const given = bound.opts<Record<string, unknown>>();
  const taken = operands.filter(
    ({ unless }) => unless === undefined || given[unless] === undefined,
  );
  let missing = taken.length - words.length;
  const found: Record<string, string> = {};
  let rest: readonly string[] = [];
  for (const { name, default: standard, isOptional, isList } of taken) {
    if (missing > 0 && standard !== undefined) {
      found[name] = standard;
      missing--;
      continue;
    }
    if (isList) rest = [...words];
    const word = words.shift();
    if (name === "network" && word !== undefined && isHardlyPlace(word)) {
      bound.error(
        `error: "${word}" is no network; name one first: patchclamp ${fullName(bound)} ${bound.usage()}`,
        { exitCode: 2 },
      );
    }
    if (word === undefined && isOptional) continue;
    if (word === undefined || (missing === 0 && isPlace(word) && name === "prompt")) {
      bound.error(
        `error: the ${name} is missing; write it before the options: patchclamp ${fullName(bound)} ${bound.usage()}`,
        { exitCode: 2 },
      );
    }
    found[name] = word;
  }
  const replaced = operands.find((operand) => !taken.includes(operand));
  if (words.length > 0 && replaced !== undefined) {
    bound.error(
      `error: "${words[0]}" is one word too many: --${replaced.unless} is in place of the ${replaced.name}.`,
      { exitCode: 2 },
    );
  }
  return { operands: found, rest };
}

/** Whether a word names a network, so that it is hardly meant as a prompt. */
function isPlace(word: string): boolean {
  return word.startsWith("organism:") || word.endsWith(".onnx");
}

/** Whether a word reads like a text, so that it is hardly meant as a network. */
function isHardlyPlace(word: string): boolean {
  return /\s/.test(word) && !existsSync(word);
}

function fullName(bound: Program): string {
  const above = bound.parent;
  return above === null || above.parent === null
    ? bound.name()
    : `${fullName(above)} ${bound.name()}`;
}

function formatOf(bound: Program, out: string, formats: readonly string[]): string {
  const format = extname(out).slice(1);
  if (formats.includes(format)) return format;
  return bound.error(
    `error: --out is ${out}, but this command saves ${formats.map((known) => `.${known}`).join(" or ")} files.`,
    { exitCode: 2 },
  );
}

/** How a command speaks. */
function voices(host: Host, isJson: boolean): Pick<Call<OptionSpecs>, "print" | "show" | "note"> {
  const print = (line: string): void => {
    if (!isJson) host.stdout(line);
  };
  return {
    print,
    show: (report: Report) => print(printReport(report, { width: host.width, color: host.color })),
    note: (line) => host.stderr(`${line}\n`),
  };
}

async function contentOf(
  { data, report, files = {} }: Outcome,
  format: string,
): Promise<Uint8Array> {
  const own = files[format];
  if (own !== undefined) return own();
  const content =
    format === "html" && report !== undefined
      ? reportPage(report, { scripts: await vegaScripts() })
      : `${JSON.stringify(data, null, 2)}\n`;
  return new TextEncoder().encode(content);
}
