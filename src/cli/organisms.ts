// `patchclamp organisms`: the small networks that come along, how they are trained, and whether they keep their promises.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { trainingStore } from "../checkpoints/training.ts";
import { PatchClampError } from "../core/errors.ts";
import type { Files } from "../core/files.ts";
import { readJson } from "../core/files.ts";
import { saveOrganism } from "../organisms/card.ts";
import type { Card } from "../organisms/card.ts";
import { allOrganisms, organismNamed } from "../organisms/catalog.ts";
import { HistoryRecorder, readHistory, writeHistory } from "../organisms/history.ts";
import { loadAny } from "../organisms/load-network.ts";
import { organismFolder } from "../organisms/place.ts";
import type { Organism, OrganismNetwork } from "../organisms/organism.ts";
import { measureSkills, trainOrganism } from "../organisms/train.ts";
import type { OrganismTraining } from "../organisms/train.ts";
import { claims, report, table } from "../report/index.ts";
import type { Report } from "../report/index.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { command } from "./command.ts";
import type { Host, Operand } from "./command.ts";
import { flag, number, optionalNumber, text } from "./options.ts";
import { progress } from "./progress.ts";

const nameOperand: Operand = {
  name: "name",
  help: "which organism, as `patchclamp organisms` lists them",
};

/** An organism and its card, which is missing until it has been trained. */
interface Listed {
  readonly organism: Organism;
  readonly path: string;
  readonly card: Card | undefined;
}

async function listed(organism: Organism): Promise<Listed> {
  const path = fileURLToPath(organismFolder(organism.name));
  return { organism, path, card: await readCard(nodeFiles(path)) };
}

async function readCard(files: Files): Promise<Card | undefined> {
  if (!(await files.exists("card.json"))) return undefined;
  return (await readJson("organisms", files, "card.json")) as Card;
}

function scoresSentence(card: Card | undefined): string {
  if (card === undefined) return "not trained yet";
  return Object.entries(card.scores)
    .map(([skill, { score }]) => `${skill} ${(100 * score).toFixed(1)} %`)
    .join(", ");
}

export const organismsList = command({
  name: "organisms",
  summary: "list the small trained networks that come with PatchClamp",
  operands: [],
  options: {},
  formats: ["html", "json"],
  examples: ["organisms", "organisms check stories", "organisms train stories --out my-stories"],
  run: async () => {
    const all = await Promise.all((await allOrganisms()).map(listed));
    return {
      data: all.map(({ organism: { name, description }, path, card }) => ({
        name: `organism:${name}`,
        description,
        path,
        parameters: card?.parameters ?? null,
        scores: card?.scores ?? null,
      })),
      report: report({
        title: "Organisms",
        subtitle:
          "Small networks trained on worlds whose truth is known; open one as organism:NAME",
        sections: all.map(({ organism: { name, description }, path, card }) =>
          table({
            title: `organism:${name}`,
            columns: ["", " "],
            rows: [
              ["what", description],
              ["parameters", card === undefined ? "–" : card.parameters.toLocaleString("en")],
              ["held-out scores", scoresSentence(card)],
              ["where", path],
            ],
          }),
        ),
      }),
    };
  },
});

/** Compares scores with the bars that a card promises. */
export function checkReport(
  { name, skills }: Organism,
  scores: Readonly<Record<string, number>>,
): Report {
  return report({
    title: `Does organism:${name} keep its promises?`,
    sections: [
      claims({
        claims: skills.map((skill) => ({
          sentence: skill.meaning,
          holds: scores[skill.name]! >= skill.bar,
          numbers: { [skill.name]: scores[skill.name]!, bar: skill.bar },
        })),
      }),
    ],
  });
}

export const organismsCheck = command({
  name: "organisms check",
  summary: "measure an organism's skills on held-out samples against what its card promises",
  operands: [nameOperand],
  options: {
    count: number("n", "samples of each skill", 200),
    seed: number("n", "seed of the samples", 1),
  },
  formats: ["html", "json"],
  examples: ["organisms check stories", "organisms check stories --count 500 --seed 3 --json"],
  run: async ({ operands, options }) => {
    const organism = await organismNamed(operands["name"]!);
    const { network } = await loadAny(`organism:${organism.name}`);
    const scores = await measureSkills(organism, network as OrganismNetwork, options);
    const skills = organism.skills.map(({ name, bar }) => ({
      name,
      score: scores[name]!,
      bar,
      holds: scores[name]! >= bar,
    }));
    return {
      data: { organism: organism.name, ...options, skills },
      report: checkReport(organism, scores),
      exitCode: skills.every(({ holds }) => holds) ? 0 : 1,
    };
  },
});

export const organismsTrain = command({
  name: "organisms train",
  summary: "train an organism from its recipe; a run that is stopped can be resumed",
  operands: [nameOperand],
  options: {
    out: text("folder", "where to write it (default: organisms/NAME)"),
    resume: flag("go on where a run in that folder was stopped"),
    steps: optionalNumber("n", "number of updates (default: the recipe's)"),
    count: number("n", "samples of each skill for the card", 500),
  },
  examples: [
    "organisms train stories --out my-stories",
    "organisms train stories --out my-stories --resume",
  ],
  run: async ({ host, operands, options, note }) => {
    const organism = await organismNamed(operands["name"]!);
    const {
      out = `organisms/${organism.name}`,
      resume,
      count,
      steps = organism.recipe.steps,
    } = options;
    const stateFolder = join(out, "training");
    const state = nodeFiles(stateFolder);
    const store = trainingStore(state);
    const saved = await store.load();
    if (!resume && saved !== undefined) {
      throw new PatchClampError("BAD_OPTION", {
        where: "organisms train",
        problem: `${out} holds a run that was stopped.`,
        fix: "add --resume to go on with it, or name another folder with --out.",
      });
    }
    const training = await trainOrganism(organism, {
      steps,
      store,
      clock: host.clock,
      signal: host.interrupted(),
      evaluate: { every: evaluationPeriod(steps), count: Math.min(100, count) },
    });
    const recorder = new HistoryRecorder(steps);
    if (saved !== undefined) recorder.resume(await readHistory(state), saved.step);
    await follow(host, training, { steps, recorder, state, note });
    const files = nodeFiles(out);
    const card = await saveOrganism(organism, training.network().params, files, { steps, count });
    await writeHistory(files, recorder.history);
    await rm(stateFolder, { recursive: true, force: true });
    const scores = Object.fromEntries(
      Object.entries(card.scores).map(([name, { score }]) => [name, score]),
    );
    return { data: { out, ...card }, report: checkReport(organism, scores) };
  },
});

/** Skills are measured ten times in a run, and not more often than every 500 steps. */
function evaluationPeriod(steps: number): number {
  return Math.max(500, Math.round(steps / 10));
}

/** What following a run needs. */
interface Following {
  readonly steps: number;
  readonly recorder: HistoryRecorder;
  /** Where the history is kept while the run goes on. */
  readonly state: Files;
  readonly note: (line: string) => void;
}

/** Trains to the end, showing loss and speed, and a line whenever skills were measured. */
async function follow(
  host: Host,
  training: OrganismTraining,
  { steps, recorder, state, note }: Following,
): Promise<void> {
  const bar = progress(host, "training", steps);
  try {
    for await (const at of training) {
      const { step, loss, tokensPerSecond = 0, evaluation } = at;
      recorder.add(at);
      bar.update(step + 1, `loss ${loss.toFixed(3)}  ${Math.round(tokensPerSecond)} tokens/s`);
      if (evaluation === undefined) continue;
      await writeHistory(state, recorder.history);
      const scores = Object.entries(evaluation).map(
        ([name, score]) => `${name} ${(100 * score).toFixed(0)} %`,
      );
      note(`step ${step + 1}: loss ${loss.toFixed(3)}, ${scores.join(", ")}`);
    }
  } finally {
    bar.stop();
  }
}
