// The command line as a function, so that tests and programs can call it as the terminal does.

import { Command as Program, CommanderError } from "commander";

import { PatchClampError } from "../core/errors.ts";
import { bind, bindGroup } from "./bind.ts";
import { capture } from "./capture.ts";
import type { Command, CommandGroup, Host } from "./command.ts";
import { chatCommand } from "./chat/chat.ts";
import { demo } from "./demo.ts";
import { exportCommand } from "./export.ts";
import { generate } from "./generate.ts";
import { grad } from "./grad.ts";
import { onnxBake } from "./onnx/bake.ts";
import { onnxCut, onnxExpose, onnxRename, onnxSplit, onnxStrip } from "./onnx/edit.ts";
import { onnxMerge } from "./onnx/merge.ts";
import { onnxValues } from "./onnx/values.ts";
import { organismsCheck, organismsList, organismsTrain } from "./organisms.ts";
import { quantize } from "./quantize.ts";
import { run } from "./run.ts";
import { sites } from "./sites.ts";
import { steerApply } from "./steer/apply.ts";
import { steerConvert } from "./steer/convert.ts";
import { steerCurve } from "./steer/curve.ts";
import { steerDescribe } from "./steer/describe.ts";
import { steerLearn } from "./steer/learn.ts";
import { worldList, worldSample } from "./world.ts";

/** Words that commands stand below and that do nothing of their own. */
const steering: CommandGroup = {
  name: "steer",
  summary: "learn, measure, describe, convert and try interventions",
};

const onnx: CommandGroup = {
  name: "onnx",
  summary: "look into ONNX files and edit them: expose, cut, split, bake, merge, rename, strip",
};

/** Everything that is bound, in the order of the help. What has several words stands after what it belongs to. */
const entries: readonly (Command | CommandGroup)[] = [
  demo,
  generate,
  chatCommand,
  run,
  sites,
  capture,
  grad,
  quantize,
  exportCommand,
  steering,
  steerLearn,
  steerApply,
  steerCurve,
  steerDescribe,
  steerConvert,
  onnx,
  onnxValues,
  onnxExpose,
  onnxCut,
  onnxSplit,
  onnxBake,
  onnxMerge,
  onnxRename,
  onnxStrip,
  organismsList,
  organismsTrain,
  organismsCheck,
  worldList,
  worldSample,
];

/** Every command. */
export const commands: readonly Command[] = entries.filter((entry) => "run" in entry);

/**
 * Runs one command line.
 *
 * @param argv - words after `patchclamp`
 * @returns the exit code: 0 when it went well, 1 when the command failed, 2 when it was not called rightly
 */
export async function runCli(argv: readonly string[], host: Host): Promise<number> {
  const isJson = argv.includes("--json");
  let exitCode = 0;
  const program = programFor(host, isJson, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    const failure = failureOf(error);
    if (failure.exitCode === 0) return 0; // help was asked for
    if (isJson) host.stdout(`${JSON.stringify({ error: failure.json }, null, 2)}\n`);
    else if (failure.text !== undefined) host.stderr(`${failure.text}\n`);
    if (failure.isBug && argv.includes("--debug")) host.stderr(`${(error as Error).stack ?? ""}\n`);
    return failure.exitCode;
  }
}

function programFor(host: Host, isJson: boolean, done: (exitCode: number) => void): Program {
  const program = new Program("patchclamp")
    .description("Record and steer the activations of neural networks.")
    .usage("<command> [options]")
    .helpCommand(false)
    .enablePositionalOptions() // --json after `organisms check` belongs to it, not to `organisms`
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride()
    .configureOutput({
      writeOut: host.stdout,
      writeErr: (text) => {
        if (!isJson) host.stderr(text);
      },
      getOutHelpWidth: () => host.width,
      getErrHelpWidth: () => host.width,
      getOutHasColors: () => host.color > 0,
      getErrHasColors: () => host.color > 0,
    })
    .showHelpAfterError("Add --help to see what it takes.");
  for (const entry of entries) {
    if ("run" in entry) bind(program, entry, host, done);
    else bindGroup(program, entry);
  }
  return program;
}

interface Failure {
  readonly exitCode: 0 | 1 | 2;
  readonly json: Readonly<Record<string, unknown>>;
  /** For standard error; undefined when it is there already. */
  readonly text?: string;
  readonly isBug?: boolean;
}

function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, "");
    return { exitCode: error.exitCode === 0 ? 0 : 2, json: { code: "USAGE", message } };
  }
  if (error instanceof PatchClampError) {
    const { code, message, fix, facts } = error;
    const [problem] = message.split("\n  fix: ");
    return { exitCode: 1, text: message, json: { code, message: problem, fix, facts } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: 1,
    isBug: true,
    text: `This is a bug in PatchClamp: ${message}\n  fix: run it again with --debug, and report what it prints.`,
    json: { code: "BUG", message },
  };
}
