// `patchclamp demo`: a trained network is recorded and steered in front of your eyes.

import { join } from "node:path";

import { Chalk } from "chalk";

import { leaves } from "../core/tree.ts";
import type { LanguageNetwork } from "../network/language.ts";
import { loadNetwork } from "../organisms/load-network.ts";
import { report, reportPage, table, text as paragraphs } from "../report/index.ts";
import type { Claim, Report, Section } from "../report/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { nodeFiles } from "../runtime/node-files.ts";
import { command } from "./command.ts";
import type { Chapter } from "./demo/chapter.ts";
import { sadBeginnings } from "./demo/dose.ts";
import { demoPairs, mood } from "./demo/mood.ts";
import { nameMover } from "./demo/name-mover.ts";
import { predict } from "./demo/predict.ts";
import { text } from "./options.ts";
import { status } from "./progress.ts";
import { vegaScripts } from "./vega-scripts.ts";

/** The chapters, in order. */
const chapters: readonly Chapter[] = [predict, nameMover, mood];

const title = "PatchClamp: recording and steering a small network";

/** The demonstration, finished. */
interface Demonstration {
  readonly report: Report;
  readonly numbers: Readonly<Record<string, unknown>>;
  /** Duration of each chapter, in seconds, by title. */
  readonly seconds: readonly (readonly [title: string, seconds: number])[];
}

/** Who watches. */
interface Audience {
  /** Gets what is being done. */
  readonly say: (what: string) => void;
  /** Gets the report of each chapter once it is there. */
  readonly show: (chapter: Report) => void;
}

/**
 * Runs every chapter on a network that knows the stories world.
 *
 * @param clock - milliseconds since any moment
 */
async function demonstrate(
  net: LanguageNetwork,
  clock: () => number,
  { say, show }: Audience,
): Promise<Demonstration> {
  const numbers: Record<string, unknown> = {};
  const seconds: [string, number][] = [];
  const claimed: Claim[] = [];
  const sections: Section[] = [introduction(net)];
  for (const chapter of chapters) {
    const began = clock();
    const found = await chapter.run(net, say);
    seconds.push([chapter.title, (clock() - began) / 1000]);
    numbers[chapter.slug] = found.numbers;
    claimed.push(
      ...found.sections.flatMap((section) => (section.kind === "claims" ? section.claims : [])),
    );
    const [first, ...rest] = found.sections;
    show(report({ title: chapter.title, sections: [...found.sections] }));
    sections.push({ ...first!, title: chapter.title }, ...rest);
  }
  return {
    report: report({ title, subtitle: subtitleOf(net), sections }),
    numbers: { ...numbers, claims: claimed },
    seconds,
  };
}

function subtitleOf(net: LanguageNetwork): string {
  const { nLayers, nHeads, dModel, dVocab } = net.config;
  return `${net.name}: ${nLayers} layers of ${nHeads} heads, ${dModel} numbers a position, ${dVocab} words`;
}

/** Writes the page, the pairs that the last chapter used, and sad beginnings of other stories, to try them on. */
async function save(folder: string, net: LanguageNetwork, found: Report): Promise<void> {
  const files = nodeFiles(folder);
  const encoder = new TextEncoder();
  const pairs = demoPairs().map(({ happy, sad }) =>
    JSON.stringify({ positive: happy, negative: sad }),
  );
  await files.write(
    "index.html",
    encoder.encode(reportPage(found, { scripts: await vegaScripts() })),
  );
  await files.write("mood-pairs.jsonl", encoder.encode(`${pairs.join("\n")}\n`));
  const beginnings = sadBeginnings(net, 41, 24);
  await files.write("sad-beginnings.txt", encoder.encode(`${beginnings.join("\n")}\n`));
}

function introduction(net: LanguageNetwork): Section {
  const count = leaves<Tensor>(net.params).reduce((sum, [, { size }]) => sum + size, 0);
  return paragraphs({
    paragraphs: [
      `This network of ${(count / 1e6).toFixed(1)} million numbers has read tiny stories, about gifts and about good and bad days. We watch it at work, find the parts that do one job, and turn its mood. Everything runs on this computer.`,
    ],
  });
}

function closing(folder: string, { seconds }: Demonstration, loadSeconds: number): Report {
  const times: (readonly [string, number])[] = [["load the network", loadSeconds], ...seconds];
  const together = times.reduce((sum, [, time]) => sum + time, 0);
  return report({
    title: "What to do now",
    sections: [
      paragraphs({
        title: "All figures on one page",
        paragraphs: [`Open ${join(folder, "index.html")} in a browser; it works offline.`],
      }),
      table({
        title: "How long it took",
        columns: ["step", { label: "time", unit: "s", decimals: 1 }],
        rows: [...times, ["together", together] as const].map(([step, time]) => [step, time]),
      }),
    ],
  });
}

/** Commands that work as they stand after the demonstration, and what each is for. */
export function tryNext(folder: string): readonly (readonly [what: string, line: string])[] {
  return [
    [
      "see what each layer expects after words of your own",
      'npx patchclamp run "Nora met Finn near the lake. Nora gave a red kite to" --lens',
    ],
    [
      "turn the mood of another story",
      `npx patchclamp steer apply "Mira was at the park. Mira saw a red kite." --pairs ${join(folder, "mood-pairs.jsonl")} --strength -6..6`,
    ],
    [
      "make a file of that mood, with its strength chosen and its dose curve measured",
      `npx patchclamp steer learn --pairs ${join(folder, "mood-pairs.jsonl")} --prompts ${join(folder, "sad-beginnings.txt")} --match "smile|laugh|cheer|best|wonderful|lucky" --tries 1 --out mood.safetensors`,
    ],
    [
      "write with it",
      'npx patchclamp generate "Mira lost her red kite." --interventions mood.safetensors --temperature 1',
    ],
    [
      "record what a head looks at, for a notebook",
      'npx patchclamp capture "Mira found her red kite." --site "blocks.*.attn.pattern" --out pattern.safetensors',
    ],
  ];
}

export const demo = command({
  name: "demo",
  summary: "watch a small trained network be recorded and steered, in under a minute",
  operands: [],
  options: { out: text("folder", "where the page goes (default: demo-report)") },
  examples: ["demo", "demo --json"],
  run: async ({ host, options, print, show }) => {
    const { out = "demo-report" } = options;
    const line = status(host);
    const began = host.clock();
    const net = await loadNetwork("organism:stories");
    const loadSeconds = (host.clock() - began) / 1000;
    show(report({ title, subtitle: subtitleOf(net), sections: [introduction(net)] }));
    const found = await demonstrate(net, host.clock, {
      say: line.say,
      show: (chapter) => {
        line.clear();
        print("\n");
        show(chapter);
      },
    });
    await save(out, net, found.report);
    print("\n");
    show(closing(out, found, loadSeconds));
    const ink = new Chalk({ level: host.color });
    // not part of a report, whose wrapped lines could not be copied
    for (const [what, commandLine] of tryNext(out))
      print(`\n${ink.dim(`# ${what}`)}\n${commandLine}\n`);
    return {
      data: {
        network: net.name,
        page: join(out, "index.html"),
        seconds: Object.fromEntries(found.seconds),
        ...found.numbers,
      },
    };
  },
});
