import { test } from "vitest";
import { goldensOf, openGolden, readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { exportOnnx } from "./export-onnx.ts";
import { OnnxSession } from "../../test/onnx-session.ts";
import { appendFileSync } from "node:fs";
test("x", async () => {
  for (const name of await goldensOf("decoder")) {
    try {
      const t0 = performance.now();
      const golden = await readGolden(name);
      const net = await openNetwork(golden.files, { check: false });
      const bytes = await exportOnnx(net);
      const t1 = performance.now();
      const s = await OnnxSession.open(bytes);
      const rows = golden.prompts.map((p) => [...p.ids, ...p.greedy.slice(0, 3)]);
      // left padded
      const L = Math.max(...rows.map((r) => r.length));
      const ids = rows.map((r) => [...Array(L - r.length).fill(1), ...r]);
      const mask = rows.map((r) => [...Array(L - r.length).fill(0), ...r.map(() => 1)]);
      const cuts = [0, L - 3, L - 2, L];
      let past: any = s.empty(2);
      const got: number[][][] = [[], []];
      for (let c = 0; c < 3; c++) {
        const r = await s.call(
          ids.map((x) => x.slice(cuts[c], cuts[c + 1])),
          mask.map((x) => x.slice(0, cuts[c + 1])),
          past,
        );
        past = r.past;
        const v = r.logits.dims[2]!,
          n = r.logits.dims[1]!;
        for (let b = 0; b < 2; b++)
          for (let i = 0; i < n; i++)
            got[b]!.push(
              Array.from(
                (r.logits.data as Float32Array).subarray((b * n + i) * v, (b * n + i + 1) * v),
              ),
            );
      }
      const out = await net.run({ prompts: rows, padding: "left" });
      const want = await out.logits.numbers();
      const v = got[0]![0]!.length;
      let worst = 0;
      for (let b = 0; b < 2; b++)
        for (let i = L - rows[b]!.length; i < L; i++)
          for (let k = 0; k < v; k++)
            worst = Math.max(
              worst,
              Math.abs(got[b]![i]![k]! - want[(b * L + i) * v + k]!) ||
                (Number.isNaN(got[b]![i]![k]!) ? Infinity : 0),
            );
      await s.release();
      appendFileSync(
        "/tmp/export/goldens.txt",
        `${name}: ok ${worst} lens ${rows.map((r) => r.length)} export ${(t1 - t0).toFixed(0)} ms ${bytes.length}\n`,
      );
    } catch (e) {
      appendFileSync("/tmp/export/goldens.txt", `${name}: ${(e as Error).message.slice(0, 300)}\n`);
    }
  }
}, 600000);
