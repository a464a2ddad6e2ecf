// Layers whose memory of the past has one size however long it is.

import { concat } from "../../tensor/ops/joining.ts";
import { zeros } from "../../tensor/ops/creation.ts";
import { scan } from "../../tensor/ops/scan.ts";
import type { Step } from "../../tensor/ops/scan.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { byHead, joined } from "./heads.ts";

/** Rules by which the state is written, as ONNX names them: whether it decays, and whether what it already says is taken off. */
const RULES: Readonly<Record<string, { readonly decays: boolean; readonly corrects: boolean }>> = {
  linear: { decays: false, corrects: false },
  gated: { decays: true, corrects: false },
  delta: { decays: false, corrects: true },
  gated_delta: { decays: true, corrects: true },
};

/**
 * For every position, S = exp(decay) S + k (v - S^T k beta or v)^T and y = scale S^T q.
 *
 * @source Yang et al. 2024, arXiv:2412.06464 (gated delta rule)
 */
function linearAttention(context: ImportContext): readonly Tensor[] {
  const { input, inputs, int, float, text } = context;
  const rule = RULES[text("update_rule", "gated_delta")];
  if (rule === undefined) throw context.refuse(`writes by the rule ${text("update_rule", "")}`);
  const [nHeads, nKvHeads] = [int("q_num_heads", 1), int("kv_num_heads", 1)];
  const [q, k, v] = [
    byHead(input(0), nHeads),
    byHead(input(1), nKvHeads),
    byHead(input(2), nKvHeads),
  ];
  const [batch, , pos, dHead] = q.shape as [number, number, number, number];
  const dValue = v.shape[3]!;
  const state = inputs[3] ?? zeros([batch, nKvHeads, dHead, dValue]);
  const given = float("scale", 0);
  const scale = given === 0 ? 1 / Math.sqrt(dHead) : given;
  // slices of a loop lie along its first axis
  const steps = (x: Tensor): Tensor => x.transpose([2, 0, 1, 3]);
  const perHead = (x: Tensor): Tensor =>
    steps(byHead(x, x.shape[2]! % nKvHeads === 0 ? nKvHeads : 1));
  const grouped = steps(q).reshape([pos, batch, nKvHeads, nHeads / nKvHeads, dHead]);
  const sliced = [grouped.mul(scale), steps(k), steps(v)];
  if (rule.decays) sliced.push(perHead(input(4)));
  if (rule.corrects) sliced.push(perHead(input(5)));
  const step: Step = ([before], slices) => {
    const [qNow, kNow, vNow, ...rest] = slices;
    const column = kNow!.unsqueeze(3);
    const kept = rule.decays ? before!.mul(rest[0]!.exp().unsqueeze(3)) : before!;
    const said = (): Tensor => kNow!.unsqueeze(2).matmul(kept).squeeze(2);
    const written = rule.corrects ? vNow!.sub(said()).mul(rest.at(-1)!) : vNow!;
    const after = kept.add(column.matmul(written.unsqueeze(2)));
    return { carried: [after], out: [qNow!.matmul(after)] };
  };
  const made = scan(step, { carried: [state], sliced });
  // [pos, batch, kvHead, group, size] -> [batch, head, pos, size]
  const y = made.out[0]!.transpose([1, 2, 3, 0, 4]).reshape([batch, nHeads, pos, dValue]);
  return [joined(y), made.carried[0]!];
}

/** A convolution of each channel with its own past, of which the last positions are handed on. */
function causalConvolution(context: ImportContext): readonly Tensor[] {
  const { input, inputs, text } = context;
  const [x, w, bias] = [input(0), input(1), inputs[2]];
  const [batch, channels] = x.shape as [number, number];
  const past = w.shape[2]! - 1;
  const before = inputs[3] ?? zeros([batch, channels, past]);
  const padded = past === 0 ? x : concat([before, x], { axis: 2 });
  const y = padded.conv1d(w, { groups: channels, ...(bias && { bias }) });
  const activation = text("activation", "none");
  if (!["none", "silu", "swish"].includes(activation))
    throw context.refuse(`has the activation ${activation}`);
  const state = padded.slice({ axis: 2, start: padded.shape[2]! - past });
  return [activation === "none" ? y : y.silu(), state];
}

export const memories: ImportHandlers = {
  LinearAttention: linearAttention,
  CausalConvWithState: causalConvolution,
};
