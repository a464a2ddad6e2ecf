// The names of sites: what they mean, what other libraries call them, and how a pattern picks some.

import { PatchClampError } from "../core/errors.ts";
import { dottedGlob, nearest } from "../core/text.ts";

/** What the standard names mean, and their axes. Networks may add names of their own. */
const MEANINGS: readonly (readonly [name: string, axes: string, meaning: string])[] = [
  ["embed.ln.normalized", "batch pos dModel", "token embedding, before gain and bias of its norm"],
  ["embed", "batch pos dModel", "token embedding"],
  ["pos_embed", "batch pos dModel", "position embedding"],
  ["samples", "batch time", "samples as they enter the network"],
  [
    "features.{i}.ln.normalized",
    "batch channel time",
    "output of the convolution, normalised, before gain and bias",
  ],
  ["features.{i}.pre", "batch channel time", "features before the activation function"],
  ["features.{i}.post", "batch channel time", "features that a convolution found"],
  ["features", "batch pos channel", "features of each frame"],
  ["ln_features.normalized", "batch pos channel", "the same, normalised, before gain and bias"],
  ["projected", "batch pos dModel", "features of each frame, in the width of the residual stream"],
  ["blocks.{i}.resid_pre", "batch pos dModel", "residual stream before the block"],
  [
    "blocks.{i}.ln1.normalized",
    "batch pos dModel",
    "input of attention (or of the state space), before gain and bias",
  ],
  ["blocks.{i}.attn.q_latent", "batch pos rank", "what queries are made from"],
  ["blocks.{i}.attn.kv_latent", "batch pos rank", "what keys and values are made from"],
  ["blocks.{i}.attn.q", "batch pos head dHead", "queries, before rotation"],
  ["blocks.{i}.attn.k", "batch pos kvHead dHead", "keys, before rotation"],
  ["blocks.{i}.attn.v", "batch pos kvHead dHead", "values"],
  ["blocks.{i}.attn.q_norm", "batch pos head dHead", "queries after their norm, before rotation"],
  ["blocks.{i}.attn.k_norm", "batch pos kvHead dHead", "keys after their norm, before rotation"],
  ["blocks.{i}.attn.rot_q", "batch pos head dHead", "queries after rotation"],
  ["blocks.{i}.attn.rot_k", "batch pos kvHead dHead", "keys after rotation"],
  ["blocks.{i}.attn.scores", "batch head query key", "scaled and masked scores"],
  ["blocks.{i}.attn.pattern", "batch head query key", "attention probabilities"],
  ["blocks.{i}.attn.sink", "batch head query sink", "probability given to nothing"],
  ["blocks.{i}.attn.z", "batch pos head dHead", "mixed values of each head"],
  ["blocks.{i}.attn.result", "batch pos head dModel", "what each head writes, without the bias"],
  ["blocks.{i}.attn.raw_out", "batch pos dModel", "output of attention, before the norm after it"],
  ["blocks.{i}.ln1_post.normalized", "batch pos dModel", "the same, normalised, before gain"],
  ["blocks.{i}.attn_out", "batch pos dModel", "what attention adds to the residual stream"],
  ["blocks.{i}.ssm.conv_in", "batch pos dConv", "input of the convolution before the state space"],
  ["blocks.{i}.ssm.z", "batch pos dInner", "gates, before their SiLU"],
  ["blocks.{i}.ssm.x", "batch pos dInner", "what enters the state"],
  ["blocks.{i}.ssm.x", "batch pos head dHead", "what enters the state"],
  ["blocks.{i}.ssm.dt", "batch pos head", "step sizes; in Mamba-1 each channel is a head"],
  ["blocks.{i}.ssm.B", "batch pos dState", "where in the state it goes"],
  ["blocks.{i}.ssm.B", "batch pos group dState", "where in the state it goes"],
  ["blocks.{i}.ssm.C", "batch pos dState", "how the state is read"],
  ["blocks.{i}.ssm.C", "batch pos group dState", "how the state is read"],
  ["blocks.{i}.ssm.state", "batch pos dInner dState", "state after the position"],
  ["blocks.{i}.ssm.state", "batch pos head dHead dState", "state after the position"],
  ["blocks.{i}.ssm.y", "batch pos dInner", "what was read of the state, with the skip"],
  ["blocks.{i}.ssm.y", "batch pos head dHead", "what was read of the state, with the skip"],
  ["blocks.{i}.ssm.out", "batch pos dInner", "the same after the gates"],
  ["blocks.{i}.ssm.norm.normalized", "batch pos dInner", "the same, normalised, before gain"],
  ["blocks.{i}.ssm_out", "batch pos dModel", "what the state space adds to the residual stream"],
  ["blocks.{i}.resid_mid", "batch pos dModel", "residual stream between attention and MLP"],
  [
    "blocks.{i}.ln_cross.normalized",
    "batch pos dModel",
    "input of cross attention, before gain and bias",
  ],
  ["blocks.{i}.cross.q", "batch pos head dHead", "queries of cross attention"],
  ["blocks.{i}.cross.k", "batch source head dHead", "keys of what the encoder read"],
  ["blocks.{i}.cross.v", "batch source head dHead", "values of what the encoder read"],
  ["blocks.{i}.cross.scores", "batch head query source", "scaled and masked scores"],
  ["blocks.{i}.cross.pattern", "batch head query source", "attention probabilities"],
  ["blocks.{i}.cross.z", "batch pos head dHead", "mixed values of each head"],
  ["blocks.{i}.cross.result", "batch pos head dModel", "what each head writes, without the bias"],
  ["blocks.{i}.cross_out", "batch pos dModel", "what cross attention adds to the residual stream"],
  ["blocks.{i}.resid_cross", "batch pos dModel", "residual stream between cross attention and MLP"],
  ["blocks.{i}.ln2.normalized", "batch pos dModel", "input of the MLP, before gain and bias"],
  ["blocks.{i}.mlp.gate", "batch pos dMlp", "gates, before the activation function"],
  [
    "blocks.{i}.mlp.pre",
    "batch pos dMlp",
    "hidden units before the activation function or the gate",
  ],
  ["blocks.{i}.mlp.post", "batch pos dMlp", "hidden units"],
  ["blocks.{i}.moe.router_logits", "batch pos expert", "scores of experts"],
  ["blocks.{i}.moe.experts", "batch pos k", "chosen experts, by number, the best first"],
  ["blocks.{i}.moe.weights", "batch pos k", "weights of the chosen experts"],
  [
    "blocks.{i}.moe.expert_out",
    "batch pos k dModel",
    "output of each chosen expert, before its weight",
  ],
  ["blocks.{i}.moe.shared_out", "batch pos dModel", "what experts for all tokens add"],
  ["blocks.{i}.mlp.raw_out", "batch pos dModel", "output of the MLP, before the norm after it"],
  ["blocks.{i}.ln2_post.normalized", "batch pos dModel", "the same, normalised, before gain"],
  ["blocks.{i}.mlp_out", "batch pos dModel", "what the MLP adds to the residual stream"],
  ["blocks.{i}.resid_post", "batch pos dModel", "residual stream after the block"],
  ["ln_final.normalized", "batch pos dModel", "input of the unembedding, before gain and bias"],
  ["logits", "batch pos dVocab", "scores of the next token, in nats"],
];

/** What one site is. */
export interface SiteInfo {
  readonly name: string;
  /** Axes by name, such as `batch pos dModel`; sizes where the network has a name of its own. */
  readonly axes: readonly string[];
  /** Sizes; batch and position as they were in the trace that listed them. */
  readonly shape: readonly number[];
  readonly meaning: string;
}

/** Axes and meaning of sites, by their names, with `{i}` for the block. */
export type SiteMeanings = Readonly<Record<string, readonly [axes: string, meaning: string]>>;

/**
 * Describes a site by its name.
 *
 * @param own - what names mean in this network where that is not the usual
 */
export function describeSite(
  name: string,
  shape: readonly number[],
  own: SiteMeanings = {},
): SiteInfo {
  const general = generalName(name);
  // of a network with several towers, each is a network of its own below its name
  const bare = general.replace(SCOPE, "");
  // families may give one name to values of different ranks
  const named = MEANINGS.filter(([pattern]) => pattern === bare);
  const known = named.find(([, axes]) => axes.split(" ").length === shape.length) ?? named[0];
  const [axes, meaning] = own[general] ?? own[bare] ?? [known?.[1], known?.[2] ?? ""];
  return { name, axes: axes?.split(" ") ?? shape.map(String), shape, meaning };
}

const SCOPE = /^(?:text|vision|encoder|decoder)\./;

/** A site's name with `{i}` for its block or layer of features; in networks of several stages, `{i}` for the stage and `{j}` for the block. */
function generalName(name: string): string {
  return name
    .replace(/\bstages\.\d+\.blocks\.\d+\./, "stages.{i}.blocks.{j}.")
    .replace(/\b(stages|blocks|features)\.\d+\./, "$1.{i}.");
}

// What other libraries call the same values. `$1` is the block. Names that look alike but hold another value (such as
// the output of a norm with its gain) are left out on purpose. Of several that fit, the first that a network has counts: a module
// whose output is normalised before it is added gives the value before that.
const ALIASES: readonly (readonly [RegExp, string])[] = [
  [/^(?:model\.)?encoder$/, "encoder.out"],
  [/^model\.(encoder|decoder)\.layers\.(\d+)$/, "$1.blocks.$2.resid_post"],
  [/^model\.(encoder|decoder)\.layers\.(\d+)\.self_attn$/, "$1.blocks.$2.attn_out"],
  [/^model\.decoder\.layers\.(\d+)\.encoder_attn$/, "decoder.blocks.$1.cross_out"],
  [/^model\.(encoder|decoder)\.layers\.(\d+)\.fc1$/, "$1.blocks.$2.mlp.pre"],
  [/^model\.(encoder|decoder)\.layers\.(\d+)\.fc2$/, "$1.blocks.$2.mlp_out"],
  [/^(encoder|decoder)\.block\.(\d+)$/, "$1.blocks.$2.resid_post"],
  [/^(encoder|decoder)\.block\.(\d+)\.layer\.0\.SelfAttention$/, "$1.blocks.$2.attn_out"],
  [/^decoder\.block\.(\d+)\.layer\.1\.EncDecAttention$/, "decoder.blocks.$1.cross_out"],
  [/^(encoder|decoder)\.block\.(\d+)\.layer\.[12]\.DenseReluDense$/, "$1.blocks.$2.mlp_out"],
  [/^(?:\w+\.)?embeddings\.(?:word|tok)_embeddings$/, "embed"],
  [/^(?:\w+\.)?embeddings\.position_embeddings$/, "pos_embed"],
  [/^(?:\w+\.)?embeddings\.token_type_embeddings$/, "token_type_embed"],
  [/^(?:\w+\.)?(?:encoder|transformer)\.layer\.(\d+)$/, "blocks.$1.resid_post"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)\.attention\.output\.dense$/, "blocks.$1.attn_out"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)\.intermediate\.dense$/, "blocks.$1.mlp.pre"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)\.output\.dense$/, "blocks.$1.mlp_out"],
  [/^(?:\w+\.)?transformer\.layer\.(\d+)\.attention$/, "blocks.$1.attn_out"],
  [/^(?:\w+\.)?transformer\.layer\.(\d+)\.ffn$/, "blocks.$1.mlp_out"],
  [/^model\.layers\.(\d+)\.attn$/, "blocks.$1.attn_out"],
  [/^(?:transformer\.wte|model\.embed_tokens)$/, "embed"],
  [/^transformer\.wpe$/, "pos_embed"],
  [/^(?:transformer\.h|model\.layers)\.(\d+)$/, "blocks.$1.resid_post"],
  [/^model\.layers\.(\d+)\.self_attn$/, "blocks.$1.attn.raw_out"],
  [/^model\.layers\.(\d+)\.mlp$/, "blocks.$1.mlp.raw_out"],
  [/^(?:transformer\.h\.(\d+)\.attn|model\.layers\.(\d+)\.self_attn)$/, "blocks.$1$2.attn_out"],
  [/^(?:transformer\.h|model\.layers)\.(\d+)\.mlp$/, "blocks.$1.mlp_out"],
  [/^model\.layers\.(\d+)\.block_sparse_moe$/, "blocks.$1.mlp_out"],
  [
    /^model\.layers\.(\d+)\.(?:mlp|block_sparse_moe)\.(?:gate|router)$/,
    "blocks.$1.moe.router_logits",
  ],
  [/^transformer\.h\.(\d+)\.mlp\.c_fc$/, "blocks.$1.mlp.pre"],
  [/^model\.layers\.(\d+)\.mlp\.up_proj$/, "blocks.$1.mlp.pre"],
  [/^model\.layers\.(\d+)\.mlp\.gate_proj$/, "blocks.$1.mlp.gate"],
  [/^gpt_neox\.embed_in$/, "embed"],
  [/^transformer\.word_embeddings_layernorm$/, "embed"],
  [/^(?:gpt_neox|model\.decoder)\.layers\.(\d+)$/, "blocks.$1.resid_post"],
  [/^gpt_neox\.layers\.(\d+)\.attention$/, "blocks.$1.attn_out"],
  [/^model\.decoder\.layers\.(\d+)\.self_attn$/, "blocks.$1.attn_out"],
  [/^gpt_neox\.layers\.(\d+)\.mlp$/, "blocks.$1.mlp_out"],
  [/^(?:gpt_neox\.layers|transformer\.h)\.(\d+)\.mlp\.dense_h_to_4h$/, "blocks.$1.mlp.pre"],
  [/^model\.(?:decoder\.)?layers\.(\d+)\.(?:mlp\.)?fc1$/, "blocks.$1.mlp.pre"],
  [/^(?:gpt_neox\.layers|transformer\.h)\.(\d+)\.mlp\.dense_4h_to_h$/, "blocks.$1.mlp_out"],
  [/^model\.(?:decoder\.)?layers\.(\d+)\.(?:mlp\.)?fc2$/, "blocks.$1.mlp_out"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)$/, "blocks.$1.resid_post"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)\.attention$/, "blocks.$1.attn.raw_out"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)\.attention\.output$/, "blocks.$1.attn_out"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)\.mlp$/, "blocks.$1.mlp.raw_out"],
  [/^(?:\w+\.)?encoder\.layer\.(\d+)\.(?:intermediate\.dense|mlp\.fc1)$/, "blocks.$1.mlp.pre"],
  [/^(text|vision)_model\.encoder\.layers\.(\d+)$/, "$1.blocks.$2.resid_post"],
  [/^(text|vision)_model\.encoder\.layers\.(\d+)\.self_attn$/, "$1.blocks.$2.attn_out"],
  [/^(text|vision)_model\.encoder\.layers\.(\d+)\.mlp$/, "$1.blocks.$2.mlp_out"],
  [/^vision_model\.encoder\.layers\.(\d+)$/, "blocks.$1.resid_post"],
  [/^vision_model\.encoder\.layers\.(\d+)\.self_attn$/, "blocks.$1.attn_out"],
  [/^vision_model\.encoder\.layers\.(\d+)\.mlp$/, "blocks.$1.mlp_out"],
  [/^(?:\w+\.)?encoder\.stages\.(\d+)\.layers\.(\d+)$/, "stages.$1.blocks.$2.resid_post"],
  [/^(?:lm_head|embed_out|unembed|classifier)$/, "logits"],
];

/** The standard form of a name: TransformerLens prefixes dropped, Hugging Face modules translated. */
export function canonicalName(name: string, sites: ReadonlySet<string>): string {
  if (sites.has(name)) return name;
  const bare = name.replaceAll(/(^|\.)hook_/g, "$1");
  if (bare !== name) {
    // TransformerLens calls the gate branch `pre` and the other one `pre_linear`, in patterns too
    const isGated = [...sites].some((site) => site.endsWith(".mlp.gate"));
    if (isGated)
      return bare.replace(/\.mlp\.pre$/, ".mlp.gate").replace(/\.mlp\.pre_linear$/, ".mlp.pre");
    return bare;
  }
  const meant = ALIASES.filter(([pattern]) => pattern.test(name)).map((alias) =>
    name.replace(...alias),
  );
  return meant.find((site) => sites.has(site)) ?? meant.at(-1) ?? name;
}

/** The network that a selection of sites speaks of. */
export interface SiteSpace {
  readonly network: string;
  readonly sites: ReadonlySet<string>;
  /** Why a standard site does not exist here, by its name without the block. */
  readonly absent?: Readonly<Record<string, string>> | undefined;
  /** Other names of sites that this network alone has. */
  readonly aliases?: ReadonlyMap<string, string> | undefined;
}

/**
 * Picks sites by names and patterns.
 *
 * @param selection - names or patterns (`*` is one part of a name), also as TransformerLens or Hugging Face write them
 * @returns names of existing sites, in network order, each once
 * @throws PatchClampError `UNKNOWN_SITE` naming the nearest sites, when a name or pattern matches none
 */
export function selectSites(
  where: string,
  space: SiteSpace,
  selection: string | readonly string[],
): string[] {
  const patterns = typeof selection === "string" ? [selection] : selection;
  if (patterns.length === 0) {
    throw new PatchClampError("BAD_OPTION", {
      where,
      problem: "the list of sites is empty, so nothing would be selected.",
      fix: "name at least one site, or leave the option out.",
    });
  }
  const picked = new Set<string>();
  for (const pattern of patterns) {
    const name = canonicalName(space.aliases?.get(pattern) ?? pattern, space.sites);
    const matches = space.sites.has(name) ? [name] : [...space.sites].filter(dottedGlob(name));
    if (matches.length === 0) throw unknownSite(where, space, pattern, name);
    for (const match of matches) picked.add(match);
  }
  return [...space.sites].filter((site) => picked.has(site));
}

/**
 * Picks one site by its name, or by a pattern that matches no other.
 *
 * @throws PatchClampError `UNKNOWN_SITE` when nothing matches, `BAD_INPUT` when several sites do
 */
export function selectSite(where: string, space: SiteSpace, name: string): string {
  const sites = selectSites(where, space, name);
  if (sites.length === 1) return sites[0]!;
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `"${name}" matches ${sites.length} sites of ${space.network}, where one is meant.`,
    fix: `name one of them, such as "${sites[0]}".`,
    facts: { sites },
  });
}

function unknownSite(
  where: string,
  space: SiteSpace,
  asked: string,
  name: string,
): PatchClampError {
  const { network, sites, absent = {} } = space;
  const isPattern = /[*?{[]/.test(name);
  const [, tower = "", block] = BLOCK.exec(name) ?? [];
  const last = blockNames(sites).filter((own) => own.startsWith(`${tower}blocks.`)).length - 1;
  const general = name.replace(/(^|\.)blocks\.[^.]+\./, "$1");
  const reason =
    absent[general] ??
    absent[general.replace(SCOPE, "")] ??
    (block !== undefined && last >= 0 && Number(block) > last
      ? `its ${tower}blocks are 0..${last}`
      : undefined);
  const problem = isPattern
    ? `no site of ${network} matches "${asked}"`
    : `${network} has no site "${asked}"`;
  return new PatchClampError("UNKNOWN_SITE", {
    where,
    problem: `${problem}${reason === undefined ? "" : `: ${reason}`}.`,
    fix: `the nearest are ${nearest(name, sites)
      .map((site) => `"${site}"`)
      .join(", ")}; all ${sites.size} are listed by \`patchclamp sites\`.`,
    facts: { site: asked },
  });
}

const BLOCK = /^((?:text|vision|encoder|decoder|stages\.\d+)\.)?blocks\.(\d+)(?=\.)/;

/**
 * The blocks that a set of sites speaks of, such as `blocks.0`, `decoder.blocks.0` in a network with several towers, or
 * `stages.1.blocks.0` in one with several stages.
 */
export function blockNames(sites: Iterable<string>): string[] {
  const names = new Set<string>();
  for (const site of sites) {
    const name = BLOCK.exec(site)?.[0];
    if (name !== undefined) names.add(name);
  }
  return [...names];
}

/** Number of blocks that a set of sites speaks of. */
export function blockCount(sites: Iterable<string>): number {
  let count = 0;
  for (const site of sites)
    count = Math.max(count, Number(/^blocks\.(\d+)\./.exec(site)?.[1] ?? -1) + 1);
  return count;
}
