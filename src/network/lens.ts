// What a language network would say if it stopped at some layer.

import { dims } from "../core/dims.ts";
import { selectSites } from "./sites.ts";
import type { LanguageNetwork } from "./language.ts";
import type { LanguageInput } from "./prompt.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of `logitLens`. */
export interface LensOptions {
  /**
   * Residual-stream sites to read out, by name or pattern. Default: the input of the first block and the output of
   * every block.
   */
  sites?: string | readonly string[];
}

/** The reading of one site. */
export interface LensRow {
  readonly site: string;
  /** Logits of the next token, [batch, pos, dVocab], lazy. */
  readonly logits: Tensor;
}

/**
 * Reads the residual stream at several depths through the network's own last norm and unembedding.
 *
 * Each reading is the network with the output of its last block replaced by the residual stream at that site; so what
 * the family does after its blocks is done here too, and the reading of the last block is the network's own output. Of
 * the blocks above a site nothing is computed.
 *
 * @param sites - (option) of shape [batch, pos, dModel]
 * @returns one row a site, in network order; evaluating them together runs one graph
 * @throws PatchClampError `UNKNOWN_SITE` when a site does not exist, `SHAPE_MISMATCH` when one is no residual stream
 * @source nostalgebraist 2020, "interpreting GPT: the logit lens", LessWrong
 */
export function logitLens(
  net: LanguageNetwork,
  given: LanguageInput,
  options: LensOptions = {},
): LensRow[] {
  const { sites = ["blocks.0.resid_pre", "blocks.*.resid_post"] } = options;
  const last = `blocks.${net.config.nLayers - 1}.resid_post`;
  const pass = net.trace(given);
  return selectSites("logitLens", net.space, sites).map((site) => {
    const residual = pass.at(site);
    dims("logitLens", residual.shape, "batch pos dModel", { dModel: net.config.dModel });
    return { site, logits: net.trace(given, { edit: { [last]: () => residual } }).logits };
  });
}
