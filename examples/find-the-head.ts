// Which attention head carries a name from where it was said to where it is needed? Activation patching, in one graph.

import { everyLayerAndHead, loadNetwork } from "patchclamp";

const net = await loadNetwork("organism:stories");
const id = (word: string): number => net.tokenizer.id(word)!;

const { rows, columns, values } = await net.sweep({
  clean: "When Mira and Tomo went to the park, Tomo gave the red cup to", // -> Mira
  corrupt: "When Lena and Tomo went to the park, Tomo gave the red cup to", // -> Lena
  cells: everyLayerAndHead("attn.z"),
  metric: (logits) => {
    const last = logits.slice({ axis: 1, start: -1 }).squeeze(1); // [rows, dVocab]
    const of = (word: string) => last.slice({ axis: 1, start: id(word), end: id(word) + 1 });
    return of("Mira").sub(of("Lena")).squeeze(1);
  },
});

console.log(`layer \\ head  ${columns.map((head) => head.padStart(6)).join("")}`);
for (const [layer, cells] of values.entries()) {
  console.log(
    `${rows[layer]!.padEnd(12)}  ${cells.map((cell) => cell.toFixed(1).padStart(6)).join("")}`,
  );
}
