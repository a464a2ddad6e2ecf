import { test, expect } from "vitest";
import { tinyNetwork, maxDifference } from "./tiny.ts";
import { interventionSet, planInterventions, placesOf, editOf } from "../src/values/index.ts";
import { Rng } from "../src/core/rng.ts";
test("smoke", async () => {
  const net = await tinyNetwork("gpt2");
  const rng = new Rng(3);
  const probe = { kind: "linear" as const, site: "blocks.0.resid_pre", direction: rng.normals(16) };
  const set = interventionSet({ interventions: [
    { kind: "add", site: "blocks.0.resid_post", vector: rng.normals(16), scale: 2, at: { positions: [1] } },
    { kind: "project-out", site: "blocks.0.resid_post", basis: [Array.from(rng.normals(16)), Array.from(rng.normals(16))] },
    { kind: "clamp", site: "blocks.*.resid_mid", direction: rng.normals(16), min: 1, max: 1, when: { probe, release: -1 } },
    { kind: "scale", site: "blocks.1.attn.z", gain: 2 , when: { probe, per: "prompt", pool: "max" }},
    { kind: "scale", site: "blocks.1.attn.pattern", gain: 0.5, at: {positions: [-1]} },
    { kind: "affine", site: "blocks.1.resid_post", weight: Array.from({length:16},()=>Array.from(rng.normals(16))) },
    { kind: "mask", site: "blocks.1.mlp.post", keep: Array.from({length:24},(_, i)=>i%2) },
    { kind: "ablate", site: "blocks.0.mlp_out" },
    { kind: "replace", site: "blocks.0.attn_out", value: rng.normals(16), at: { phase: "generated" } },
  ]});
  const given = [[1,2,3,4],[5,6,7]];
  const select = (p: string) => { const { sites } = net; const all = net.sites(); const m = net.resolveEdits("x", { [p]: (x) => x }); return all.filter((s) => m.has(s.name)); };
  const plan = planInterventions([set], { select });
  const places = placesOf(net.tokens(given));
  const out = await net.run(given, { edit: Object.fromEntries(plan.edits(plan.inputs(places))), capture: ["logits", "blocks.0.attn_out"] });
  const zero = await net.run(given, { edit: Object.fromEntries(plan.edits(plan.inputs(places, { strength: 0 }))) });
  const plain = await net.run(given, { capture: ["logits", "blocks.0.attn_out"] });
  console.log(maxDifference(await zero.logits.numbers(), await plain.logits.numbers()));
  console.log(maxDifference(await out.logits.numbers(), await plain.logits.numbers()));
  console.log(plan.touched(places), plan.states, plan.sites);
});
