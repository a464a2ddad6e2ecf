// `node .cache/bench-js/check-bare.js`, after any `npm run bench`: does the bare ONNX graph compute what PyTorch's GPT-2
// computes with the same weights? It exits with 1 when their logits differ.

import { bareForward } from "./bare-onnx.ts";
import { THREADS } from "./machine.ts";
import { PeerProcess } from "./peer-process.ts";
import { GPT2_SMALL, gpt2Weights, prompt } from "./weights.ts";

/** float32, 12 layers, logits below 2: rounding stays below 1e-5. */
const TOLERANCE = 1e-4;

const { dVocab } = GPT2_SMALL;
const tokens = prompt("clean", 128, dVocab);
const peers = new PeerProcess();
const offer = await peers.offer("forward", "PyTorch");
if (offer.side === undefined) {
  process.stderr.write(`${offer.reason}\n`);
  process.exit(1);
}
const { result: theirs = [] } = await offer.side();
peers.close();

const bare = await bareForward(gpt2Weights(GPT2_SMALL), tokens, { threads: THREADS });
const logits = await bare.run();
await bare.close();
const positions = [0, tokens.length / 2, tokens.length - 1];
const ours = positions.flatMap((pos) => [...logits.subarray(pos * dVocab, pos * dVocab + 8)]);
const difference = Math.max(...theirs.map((value, i) => Math.abs(value - ours[i]!)));
process.stdout.write(
  `${offer.name}: the largest difference of ${theirs.length} logits is ${difference}\n`,
);
process.exit(theirs.length === ours.length && difference <= TOLERANCE ? 0 : 1);
