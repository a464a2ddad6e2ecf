// Follows the training of an organism: shows how far it has come, and keeps what is worth keeping on the way.

import { join } from "node:path";

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import type { HistoryRecorder } from "../../organisms/history.ts";
import { writeHistory } from "../../organisms/history.ts";
import { saveCheckpoint } from "../../organisms/card.ts";
import type { Organism } from "../../organisms/organism.ts";
import { percent } from "../../organisms/page.ts";
import { momentFolder } from "../../organisms/place.ts";
import type { OrganismTraining } from "../../organisms/train.ts";
import { nodeFiles } from "../../runtime/node-files.ts";
import type { Host } from "../command.ts";
import { progress } from "../progress.ts";

/** What following a run needs. */
export interface Following {
  readonly host: Host;
  readonly organism: Organism;
  /** Updates of the whole run, and those that an earlier process made. */
  readonly steps: number;
  readonly done: number;
  readonly recorder: HistoryRecorder;
  /** Where the organism is written. */
  readonly out: string;
  /** Where the history is kept while the run goes on. */
  readonly state: Files;
  readonly note: (line: string) => void;
}

/**
 * Trains to the end, showing loss and speed, and a line whenever skills were measured.
 *
 * @throws PatchClampError `ABORTED`, with how to go on, when Ctrl-C stops the run
 */
export async function follow(training: OrganismTraining, following: Following): Promise<void> {
  const { host, organism, steps, done, recorder, out, state, note } = following;
  const moments = new Set(organism.recipe.moments);
  const keep = async (step: number): Promise<void> => {
    if (!moments.has(step)) return;
    const files = nodeFiles(join(out, momentFolder(step)));
    await saveCheckpoint(organism, training.network().params, files);
  };
  const bar = progress(host, "training", steps);
  try {
    if (done === 0) await keep(0);
    for await (const at of training) {
      const { step, loss, tokensPerSecond = 0, evaluation } = at;
      const isWorthWriting = recorder.add(at);
      bar.update(step + 1, `loss ${loss.toFixed(3)}  ${Math.round(tokensPerSecond)} tokens/s`);
      await keep(step + 1);
      if (isWorthWriting) await writeHistory(state, recorder.history);
      // what is measured at the end is measured again for the card, on more samples
      if (evaluation === undefined || step + 1 === steps) continue;
      note(`step ${step + 1}: loss ${loss.toFixed(3)}, ${scoresWords(organism, evaluation)}`);
    }
  } catch (error) {
    if (!(error instanceof PatchClampError) || error.code !== "ABORTED") throw error;
    await writeHistory(state, recorder.history);
    throw new PatchClampError("ABORTED", {
      where: "organisms train",
      problem: `stopped after ${Number(error.facts["step"])} of ${steps} steps.`,
      fix: "to go on, give the same command with --resume behind it.",
      cause: error,
    });
  } finally {
    bar.stop();
  }
}

/** How many skills hold, and which of the others are furthest below their bars. */
function scoresWords({ skills }: Organism, scores: Readonly<Record<string, number>>): string {
  const missed = skills
    .filter(({ name, bar }) => scores[name]! < bar)
    .toSorted((a, b) => scores[a.name]! - a.bar - (scores[b.name]! - b.bar));
  const held = `${skills.length - missed.length} of ${skills.length} skills hold`;
  const furthest = missed.slice(0, 3).map(({ name }) => `${name} ${percent(scores[name]!)}`);
  return furthest.length === 0 ? held : `${held}; furthest below: ${furthest.join(", ")}`;
}
