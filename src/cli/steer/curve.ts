// `patchclamp steer curve`: measure what a file of interventions does at several strengths, and keep that in the file.

import { writeInterventions } from "../../checkpoints/values/index.ts";
import { doseCurve } from "../../network/steering/dose-curve.ts";
import { doseCurveSection, report } from "../../report/index.ts";
import type { InterventionSet } from "../../values/index.ts";
import { command } from "../command.ts";
import { loadSets } from "../interventions.ts";
import { openLanguage } from "../network.ts";
import { networkOperand, numbers } from "../options.ts";
import { weightsOptions } from "../shared-options.ts";
import { effectOf, effectOptions, measuring, savesSet } from "./effect-options.ts";

export const steerCurve = command({
  name: "steer curve",
  summary: "measure effect, fluency and collapse by strength; --out keeps the curve in the file",
  operands: [networkOperand, { name: "file", help: "interventions in any form that is read" }],
  options: {
    strength: numbers("list", "strengths to measure, beside 0", "-3,-2,-1,-0.5,0.5,1,1.5,2,3"),
    ...effectOptions,
    ...weightsOptions,
  },
  formats: ["safetensors", "html", "json"],
  examples: [
    "steer curve mood.safetensors --prompts demo-report/sad-beginnings.txt --words smiled laughed wonderful --out mood.safetensors",
  ],
  run: async (call) => {
    const { host, operands, options, note } = call;
    const path = operands["file"]!;
    const { effect, neutral } = await effectOf("steer curve", options);
    const net = await openLanguage(host, operands["network"]!, { weights: options.weights });
    const [loaded] = await loadSets(net, [path]);
    const { how, stop } = measuring(host, options);
    const measured = { effect, neutral, strengths: options.strength, ...how };
    const curve = await doseCurve(net, loaded!.set, measured).finally(stop);
    // the curve is this network's, so the file speaks of this network
    const set: InterventionSet = { ...loaded!.set, curve, madeFor: await net.identity() };
    if (loaded!.origin === "different" && savesSet(call)) {
      note(
        `It was made for ${loaded!.set.madeFor!.network}; the new file says ${net.name}, where it was measured.`,
      );
    }
    if (!savesSet(call))
      note("Add --out FILE.safetensors to keep the curve with the interventions.");
    return {
      data: {
        network: net.name,
        file: path,
        name: set.name ?? null,
        origin: loaded!.origin,
        curve,
      },
      report: report({
        title: `What ${set.name ?? path} does in ${net.name}`,
        sections: [doseCurveSection({ curve })],
      }),
      files: { safetensors: () => writeInterventions(set) },
    };
  },
});
