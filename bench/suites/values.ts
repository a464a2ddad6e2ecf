// Values: what weights in few bits change.

import type { Contest, Entry } from "../harness.ts";
import { changeOf, storiesSubject, trainedShapeSubject } from "../ours/quantised.ts";
import type { Subject } from "../ours/quantised.ts";
import type { Suite } from "../run.ts";

/** In nats. */
const MOST_WITH_8_BITS = 1e-3;

const SUBJECTS = { stories: storiesSubject, "100m": trainedShapeSubject } as const;

/** The suite `values`. */
export function values(): Suite {
  const entries = Object.entries(SUBJECTS).flatMap(([name, subject]) =>
    (["q8", "q4"] as const).map((weights): Entry => ({
      name: `quantisation-${name}-${weights}`,
      unit: "nats",
      bar: weights === "q8" ? `at most ${MOST_WITH_8_BITS} nats` : "reported",
      target: 1,
      rounds: 1,
      seconds: 0,
      prepare: () => divergence(subject, weights),
    })),
  );
  return { entries };
}

async function divergence(subject: Subject, weights: "q4" | "q8"): Promise<Contest> {
  const { klNats, perplexity, exactPerplexity } = await changeOf(subject, weights);
  const percent = (100 * (perplexity / exactPerplexity - 1)).toFixed(3);
  const note = `perplexity ${perplexity.toFixed(4)}, that of float32 ${exactPerplexity.toFixed(4)} (${percent} %)`;
  const ours = async () => ({ value: klNats });
  if (weights === "q4") return { ours, peerName: "none: there is no bar", note };
  return { ours, peer: async () => ({ value: MOST_WITH_8_BITS }), peerName: "bar", note };
}
