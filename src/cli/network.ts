// Opens what the user named as the network of a command.

import type { HubOptions } from "../checkpoints/hub/hub.ts";
import type { LanguageNetwork } from "../network/language.ts";
import type { WeightForm } from "../network/quantise.ts";
import type { AnyNetwork } from "../organisms/load-network.ts";
import { loadAny, loadNetwork } from "../organisms/load-network.ts";
import type { Place } from "../organisms/place.ts";
import { findPlace } from "../organisms/place.ts";
import type { Host } from "./command.ts";
import { status } from "./progress.ts";

/** How a network is opened. */
export interface OpenOptions {
  /** The form of its weights. Default: as stored. */
  readonly weights?: WeightForm | undefined;
}

/** Opens a network that predicts the next token; says on a terminal how far a download has come. */
export async function openLanguage(
  host: Host,
  place: string,
  { weights }: OpenOptions = {},
): Promise<LanguageNetwork> {
  const form = weights === undefined ? {} : { weights };
  return opening(host, place, (hub) => loadNetwork(place, { hub, ...form }));
}

/** Opens a network of any kind. */
export async function openAny(host: Host, place: string): Promise<AnyNetwork> {
  return opening(host, place, (hub) => loadAny(place, { hub }));
}

/** Finds the files that the user named, without opening a network. */
export async function findFiles(host: Host, place: string): Promise<Place> {
  return opening(host, place, (hub) => findPlace(place, { hub }));
}

async function opening<T>(
  host: Host,
  place: string,
  open: (hub: HubOptions) => Promise<T>,
): Promise<T> {
  if (!place.startsWith("hf:")) return open({});
  const line = status(host);
  try {
    return await open({
      signal: host.interrupted(),
      onProgress: ({ file, receivedBytes, totalBytes }) => {
        const megabytes = (totalBytes / 1e6).toFixed(1);
        const percent = Math.floor((100 * receivedBytes) / totalBytes);
        line.say(`downloading ${file}: ${percent} % of ${megabytes} MB`);
      },
    });
  } finally {
    line.clear();
  }
}
