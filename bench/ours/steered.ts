// Interventions of every cheap kind, on the sites of a GPT-2.

import type { InterventionInput } from "patchclamp/values";

import { hashedNumbers } from "../weights.ts";
import type { Shape } from "../weights.ts";

const SITES = ["resid_post", "attn_out", "mlp_out", "resid_pre", "resid_mid"];

/** Number `i` of as many interventions as are wanted: half of them add a vector, the others do what can be done else. */
export function someIntervention(i: number, { nLayers, dModel }: Shape): InterventionInput {
  const site = `blocks.${(5 * i + 1) % nLayers}.${SITES[i % SITES.length]!}`;
  const vector = hashedNumbers(`intervention ${i}`, dModel, -1, 1);
  const kinds: readonly InterventionInput[] = [
    { kind: "clamp", site, direction: vector, max: 0.5 },
    { kind: "project-out", site, basis: vector },
    { kind: "scale", site, gain: 1.1 },
    { kind: "mask", site, keep: vector.map((x) => (x > -0.9 ? 1 : 0)) },
    { kind: "ablate", site: `blocks.${i % nLayers}.attn.z`, at: { phase: "generated" } },
  ];
  return i % 2 === 0 ? { kind: "add", site, vector, scale: 0.1 } : kinds[((i - 1) / 2) % 5]!;
}
