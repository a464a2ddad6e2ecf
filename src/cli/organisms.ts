// `patchclamp organisms`: the small networks that come along, how they are trained, and whether they keep their promises.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { trainingStore } from "../checkpoints/training.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import type { TrainingState } from "../nn/index.ts";
import { checkWeights, readCard, saveOrganism } from "../organisms/card.ts";
import type { Card } from "../organisms/card.ts";
import { allOrganisms, organismNamed } from "../organisms/catalog.ts";
import { HistoryRecorder, readHistory, writeHistory } from "../organisms/history.ts";
import type { History } from "../organisms/history.ts";
import { openAny } from "../organisms/load-network.ts";
import type { Organism, OrganismNetwork } from "../organisms/organism.ts";
import { organismPage } from "../organisms/page.ts";
import { organismFolder } from "../organisms/place.ts";
import { measureSkills, trainOrganism } from "../organisms/train.ts";
import { figureSvg } from "../report/svg.ts";
import { trainingFigure } from "../report/training-figure.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { command } from "./command.ts";
import type { Operand } from "./command.ts";
import { flag, number, optionalNumber, text } from "./options.ts";
import { follow } from "./organisms/following.ts";
import { checkReport, listedData, listReport, organismReport } from "./organisms/listing.ts";
import type { Listed } from "./organisms/listing.ts";

const nameOperand: Operand = {
  name: "name",
  help: "which organism, as `patchclamp organisms` lists them",
};

export const organismsList = command({
  name: "organisms",
  summary: "list the small trained networks that come with PatchClamp, or show one of them",
  operands: [{ ...nameOperand, help: "one organism, to be shown in full", isOptional: true }],
  options: {},
  formats: ["html", "json"],
  examples: ["organisms", "organisms stories", "organisms check stories"],
  run: async ({ operands: { name } }) => {
    if (name !== undefined) {
      const one = await listed(await organismNamed(name));
      return { data: listedData(one), report: organismReport(one) };
    }
    const all = await Promise.all((await allOrganisms()).map(listed));
    return { data: all.map(listedData), report: listReport(all) };
  },
});

async function listed(organism: Organism): Promise<Listed> {
  const path = fileURLToPath(organismFolder(organism.name));
  return { organism, path, card: await readCard(nodeFiles(path)) };
}

export const organismsCheck = command({
  name: "organisms check",
  summary:
    "compare an organism with its card: the hash of its weights, and its skills on new samples",
  operands: [nameOperand],
  options: {
    folder: text("folder", "where it lies (default: where those lie that come along)"),
    count: number("n", "samples of each skill", 200),
    seed: number("n", "seed of the samples", 1),
  },
  formats: ["html", "json"],
  examples: ["organisms check stories", "organisms check stories --count 500 --seed 3 --json"],
  run: async ({ operands, options: { folder, ...options } }) => {
    const organism = await organismNamed(operands["name"]!);
    const { name } = organism;
    const files = nodeFiles(folder ?? fileURLToPath(organismFolder(name)));
    const card = await requireCard(name, files);
    await checkWeights("organisms check", card, files);
    const { network } = await openAny(files, { name: `organism:${name}` });
    const scores = await measureSkills(organism, network as OrganismNetwork, options);
    const skills = organism.skills.map((skill) => ({
      name: skill.name,
      score: scores[skill.name]!,
      bar: skill.bar,
      card: card.scores[skill.name]?.score ?? null,
      holds: scores[skill.name]! >= skill.bar,
    }));
    return {
      data: { organism: name, ...options, skills },
      report: checkReport(organism, scores, card),
      exitCode: skills.every(({ holds }) => holds) ? 0 : 1,
    };
  },
});

async function requireCard(name: string, files: Files): Promise<Card> {
  const card = await readCard(files);
  if (card !== undefined) return card;
  throw new PatchClampError("BAD_INPUT", {
    where: "organisms check",
    problem: `organism:${name} is not trained yet: ${files.name} has no card.json.`,
    fix: `train it with \`patchclamp organisms train ${name}\`.`,
  });
}

export const organismsTrain = command({
  name: "organisms train",
  summary: "train an organism from its recipe; a run that is stopped can be resumed",
  operands: [nameOperand],
  options: {
    out: text("folder", "where to write it (default: organisms/NAME)"),
    resume: flag("go on where a run in that folder was stopped"),
    steps: optionalNumber("n", "number of updates (default: the recipe's)"),
    seed: optionalNumber("n", "of weights and batches (default: the recipe's)"),
    count: number("n", "samples of each skill for the card", 500),
  },
  examples: [
    "organisms train stories --out my-stories",
    "organisms train stories --out my-stories --resume",
  ],
  run: async ({ host, operands, options, note }) => {
    const organism = await organismNamed(operands["name"]!);
    const { recipe, name } = organism;
    const { steps = recipe.steps, seed = recipe.seed } = options;
    const { out = `organisms/${name}`, resume, count } = options;
    const stateFolder = join(out, "training");
    const state = nodeFiles(stateFolder);
    const store = trainingStore(state);
    const saved = await store.load();
    checkResumption(out, resume, saved);
    const training = await trainOrganism(organism, {
      steps,
      seed,
      store,
      clock: host.clock,
      signal: host.interrupted(),
      evaluate: { every: evaluationPeriod(steps), count: Math.min(100, count) },
    });
    const recorder = new HistoryRecorder(steps);
    if (saved !== undefined) recorder.resume(await readHistory(state), saved.step);
    const done = saved?.step ?? 0;
    await follow(training, { host, organism, steps, done, recorder, out, state, note });
    const files = nodeFiles(out);
    const { minutes, history } = recorder;
    const { params } = training.network();
    const trained = { steps, seed, minutes, count };
    const card = await saveOrganism(organism, params, files, trained);
    await writePages(organism, files, { card, history });
    await rm(stateFolder, { recursive: true, force: true });
    const scores = Object.fromEntries(
      Object.entries(card.scores).map(([skill, { score }]) => [skill, score]),
    );
    const subtitle = `written to ${out}, with its page README.md and its figure training.svg`;
    return { data: { out, ...card }, report: { ...checkReport(organism, scores), subtitle } };
  },
});

/** Nobody loses a run that was stopped, or believes to go on with one that is not there. */
function checkResumption(out: string, resume: boolean, saved: TrainingState | undefined): void {
  if (resume === (saved !== undefined)) return;
  throw new PatchClampError("BAD_OPTION", {
    where: "organisms train",
    problem: `${out} holds ${resume ? "no" : "a"} run that was stopped.`,
    fix: resume
      ? "leave out --resume to begin one, or name the folder of the run with --out."
      : "add --resume to go on with it, or name another folder with --out.",
  });
}

/** Skills are measured ten times in a run, and not more often than every 500 steps. */
function evaluationPeriod(steps: number): number {
  return Math.max(500, Math.round(steps / 10));
}

/** Writes what is looked at and not loaded: the history, its figure, and the page. */
async function writePages(
  organism: Organism,
  files: Files,
  { card, history }: { card: Card; history: History },
): Promise<void> {
  const skills = Object.entries(card.scores).map(([name, { score, bar }]) => ({
    name,
    score,
    bar,
  }));
  const figure = "training.svg";
  const encoder = new TextEncoder();
  const svg = await figureSvg(trainingFigure(history, skills));
  await writeHistory(files, history);
  await files.write(figure, encoder.encode(svg));
  await files.write("README.md", encoder.encode(organismPage(organism, card, { figure })));
}
