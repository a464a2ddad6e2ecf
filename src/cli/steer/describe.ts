// `patchclamp steer describe`: what a file of values holds, in words.

import type { NetworkIdentity, Origin, Probe } from "../../checkpoints/values/index.ts";
import {
  describe,
  describeAdapter,
  dictionarySizes,
  originOf,
} from "../../checkpoints/values/index.ts";
import { doseCurveSection, report, table, text } from "../../report/index.ts";
import type { Report } from "../../report/index.ts";
import { command } from "../command.ts";
import { openLanguage } from "../network.ts";
import { formatNames, readStored, valueHelp } from "../value-formats.ts";
import type { StoredValue } from "../value-formats.ts";

/** A value with the network that it meets. */
type Met<Kind extends StoredValue["kind"]> = Extract<StoredValue, { kind: Kind }> & {
  readonly path: string;
  readonly network: NetworkIdentity | undefined;
};

/** What is said of a value, for people and as JSON. */
interface Description {
  readonly report: Report;
  readonly data: Readonly<Record<string, unknown>>;
}

function describeInterventions({
  path,
  set,
  network,
  modelHint,
}: Met<"interventions">): Description {
  const { name, note, curve, madeFor, interventions, conflict } = set;
  const origin = originOf("steer describe", madeFor, network);
  const words = interventions.map((one) => describe(one));
  const maker = madeFor?.network ?? modelHint;
  return {
    data: {
      name: name ?? null,
      note: note ?? null,
      interventions: interventions.map(({ site, kind }, i) => ({ site, kind, words: words[i]! })),
      conflict,
      madeFor: madeFor ?? null,
      origin,
      curve: curve ?? null,
    },
    report: report({
      title: name ?? path,
      ...(note === undefined ? {} : { subtitle: note }),
      sections: [
        table({
          columns: ["kind", "what is done"],
          rows: interventions.map(({ kind }, i) => [kind, words[i]!]),
        }),
        text({
          paragraphs: [
            originWords({ maker, origin, network }),
            ...(curve === undefined
              ? ["Its dose curve was not measured: `patchclamp steer curve` does that."]
              : []),
          ],
        }),
        ...(curve === undefined ? [] : [doseCurveSection({ title: "By strength", curve })]),
      ],
    }),
  };
}

function originWords({
  maker,
  origin,
  network,
}: {
  readonly maker: string | undefined;
  readonly origin: Origin;
  readonly network: NetworkIdentity | undefined;
}): string {
  if (maker === undefined) return "It does not say which network it was made for.";
  if (network === undefined) return `It was made for ${maker}.`;
  const same = `It was made for ${maker}, and ${network.network} has the same weights.`;
  const different = `It was made for ${maker}, and ${network.network} has other weights: what was measured need not hold here.`;
  return { same, different, unknown: `It was made for ${maker}.` }[origin];
}

function describeProbe({ path, probe }: Met<"probe">): Description {
  const { kind, site, threshold, note } = probe;
  const words = probeWords(probe);
  return {
    data: { site, kind, threshold, note: note ?? null, words },
    report: report({
      title: path,
      ...(note === undefined ? {} : { subtitle: note }),
      sections: [text({ paragraphs: [words] })],
    }),
  };
}

function probeWords(probe: Probe): string {
  const { site, threshold } = probe;
  const reader =
    probe.kind === "linear"
      ? `the direction of ${probe.direction.shape[0]} numbers`
      : `a small network of ${probe.layers.length} layers`;
  return `It reads ${site} with ${reader}, and counts what it looks for as found above ${threshold}.`;
}

function describeLora({ path, adapter }: Met<"adapter">): Description {
  const words = describeAdapter(adapter);
  const { targets, base, note } = adapter;
  return {
    data: { targets: Object.keys(targets), base: base ?? null, note: note ?? null, words },
    report: report({
      title: path,
      sections: [
        text({
          paragraphs: [
            `It ${words}.`,
            base === undefined
              ? "It does not say which network it was trained for."
              : `It was trained for ${base}.`,
          ],
        }),
        table({
          columns: ["weight", "rank"],
          rows: Object.entries(targets).map(([name, { a }]) => [name, a.shape[0]!]),
        }),
      ],
    }),
  };
}

function describeDictionary({ path, dictionary, network }: Met<"dictionary">): Description {
  const { name, note, site, activation, madeFor } = dictionary;
  const { features, width } = dictionarySizes(dictionary);
  const origin = originOf("steer describe", madeFor, network);
  const words = `It writes ${site}, which is ${width} wide, as a sum of a few of ${features} features (${activation.kind}).`;
  return {
    data: {
      name: name ?? null,
      note: note ?? null,
      site,
      features,
      width,
      activation: activation.kind,
      origin,
      words,
    },
    report: report({
      title: name ?? path,
      ...(note === undefined ? {} : { subtitle: note }),
      sections: [
        text({ paragraphs: [words, originWords({ maker: madeFor?.network, origin, network })] }),
      ],
    }),
  };
}

function descriptionOf(met: Met<StoredValue["kind"]>): Description {
  switch (met.kind) {
    case "interventions":
      return describeInterventions(met);
    case "probe":
      return describeProbe(met);
    case "adapter":
      return describeLora(met);
    case "dictionary":
      return describeDictionary(met);
  }
}

export const steerDescribe = command({
  name: "steer describe",
  summary: "say in words what a file of interventions, a probe, an adapter or a dictionary does",
  operands: [
    { name: "file", help: valueHelp },
    {
      name: "network",
      help: "compare it with the network that it was made for",
      isOptional: true,
    },
  ],
  options: {},
  formats: ["html", "json"],
  examples: ["steer describe mood.safetensors", "steer describe mood.gguf organism:stories"],
  run: async ({ host, operands }) => {
    const path = operands["file"]!;
    const place = operands["network"];
    const stored = await readStored(path);
    const net = place === undefined ? undefined : await openLanguage(host, place);
    const network = await net?.identity();
    const found = descriptionOf({ ...stored, path, network });
    return {
      data: { file: path, format: stored.format, kind: stored.kind, ...found.data },
      report: { ...found.report, subtitle: subtitleOf(path, stored, found.report) },
    };
  },
});

/** The note, the file where it has a name of its own, and its form. */
function subtitleOf(path: string, { format }: StoredValue, { title, subtitle }: Report): string {
  const file = title === path ? formatNames[format] : `${path}, ${formatNames[format]}`;
  return subtitle === undefined ? file : `${subtitle} · ${file}`;
}
