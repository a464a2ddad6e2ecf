// How much code the engine is.

import { spawnSync } from "node:child_process";
import path from "node:path";

import { root } from "../machine.ts";
import type { Suite } from "../run.ts";

interface SizeReport {
  readonly engine: number;
  readonly budget: number;
}

/** Code lines of `core + tensor + onnx + runtime`, as `npm run size` counts them, against their budget. */
export function size(): Suite {
  const prepare = async () => {
    const script = path.join(root, "scripts", "size.mjs");
    const { stdout } = spawnSync(process.execPath, [script, "--json"], {
      cwd: root,
      encoding: "utf8",
    });
    const { engine, budget } = JSON.parse(stdout) as SizeReport;
    return {
      ours: async () => ({ value: engine }),
      peer: async () => ({ value: budget }),
      peerName: "bar",
    };
  };
  const bar = "within the budget of scripts/size.mjs";
  return {
    entries: [{ name: "core", unit: "lines", bar, target: 1, rounds: 1, seconds: 0, prepare }],
  };
}
