// A network is a function with taps, its parameters, and a way to turn what a user gives into its inputs. `trace`
// builds its graph lazily; `run` and `grad` evaluate parts of it.

import { PatchClampError } from "../core/errors.ts";
import type { Tree } from "../core/tree.ts";
import { compile, evaluate } from "../tensor/evaluate.ts";
import type { RuleSet } from "../tensor/gradients.ts";
import { gradients } from "../tensor/gradients.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { NetworkIdentity } from "../values/index.ts";
import { identityOf } from "./identity.ts";
import type { SiteInfo, SiteMeanings, SiteSpace } from "./sites.ts";
import { describeSite, selectSite, selectSites } from "./sites.ts";
import type { Edit, RecordingTap, Tap } from "./tap.ts";
import { recordingTap } from "./tap.ts";

/** The tensors that a network's function takes, by name. */
export type Inputs = Readonly<Record<string, Tensor>>;

/** What makes a network. */
export interface NetworkDefinition<Given> {
  /** What errors and reports call it. */
  readonly name: string;
  readonly params: Tree<Tensor>;
  /** What decides what it computes beside its parameters, as JSON; part of its identity. Default: nothing. */
  readonly config?: unknown;
  /** The network itself. It names values through `tap` and returns its output. */
  readonly forward: (params: never, inputs: never, tap: Tap) => Tensor;
  /** Site of its output, which `forward` may name itself. Default `logits`. */
  readonly output?: string;
  /** Turns what users give into input tensors; throws `PatchClampError` for what it cannot take. */
  readonly prepare: (given: Given) => Inputs;
  /** Small input on which sites are listed and invariants checked. */
  readonly example: () => Given;
  /** Why a standard site does not exist here, by its name without the block. */
  readonly absent?: Readonly<Record<string, string>>;
  /** Other names of sites, such as those that a file has for them. */
  readonly aliases?: ReadonlyMap<string, string>;
  /** What sites are, by their names (with `{i}` for the block), where they are not what the standard name means. */
  readonly meanings?: SiteMeanings;
}

/** Edits by site: a name or pattern, and what to do there. */
export type Edits = Readonly<Record<string, Edit>>;

/** Options of `Network.trace`. */
export interface TraceOptions {
  /** Changes values as they are computed. A pattern edits every site it matches. Default: none. */
  edit?: Edits;
  /** Sites at which gradients will be taken. Default: none. */
  watch?: string | readonly string[];
}

/** Options of `Network.run`. */
export interface RunOptions {
  /** Sites to record, by name or pattern. Default: the network's output. What nobody asks for is not computed. */
  capture?: string | readonly string[];
  /** Changes values as they are computed. Default: none. */
  edit?: Edits;
}

/** Options of `Network.grad`. */
export interface GradOptions {
  /** The scalar to differentiate, from the traced pass. */
  of: (pass: Pass) => Tensor;
  /** Sites at which to differentiate it. */
  at: string | readonly string[];
  /** Sites to record as well. Default: none. */
  capture?: string | readonly string[];
  edit?: Edits;
  /** Gradient rules to use in place of the ops' own, by op name. Default: none. */
  rules?: RuleSet;
}

/** One pass through a network. Tensors are lazy unless they were captured. */
export class Pass {
  readonly inputs: Inputs;
  /** Values that were asked for, by site; all of them for a traced pass. */
  readonly activations: Readonly<Record<string, Tensor>>;
  readonly #space: SiteSpace;
  readonly #sites: () => ReadonlyMap<string, Tensor>;

  constructor(
    space: SiteSpace,
    inputs: Inputs,
    activations: Readonly<Record<string, Tensor>>,
    sites: () => ReadonlyMap<string, Tensor>,
  ) {
    this.inputs = inputs;
    this.activations = activations;
    this.#space = space;
    this.#sites = sites;
  }

  /** The network's output, [batch, pos, dVocab] for a language network; computed when it is read if it was not captured. */
  get logits(): Tensor {
    return this.at("logits");
  }

  /** Gives up the memory of all captured values, so that later runs can use it: `using pass = await net.run(...)`. */
  [Symbol.dispose](): void {
    for (const tensor of Object.values(this.activations)) tensor[Symbol.dispose]();
  }

  /**
   * The value at one site.
   *
   * @throws PatchClampError `UNKNOWN_SITE` when there is none of that name, `BAD_INPUT` when a pattern matches several or the input did
   * not lead there
   */
  at(site: string): Tensor {
    const name = selectSite("at", this.#space, site);
    return this.activations[name] ?? reached(this.#space.network, this.#sites(), name);
  }
}

/** The result of `grad`. */
export interface GradResult {
  /** What was differentiated. */
  readonly value: number;
  /** Gradients by site, of the site's shape. */
  readonly grads: Readonly<Record<string, Tensor>>;
  readonly activations: Readonly<Record<string, Tensor>>;
}

type Compiled = (inputs: Inputs) => Promise<Record<string, Tensor>>;

/** A network whose values have names and can be recorded, edited and differentiated. */
export class Network<Given = Inputs> {
  readonly name: string;
  readonly definition: NetworkDefinition<Given>;
  #listed: SiteInfo[] | undefined;
  #space: SiteSpace | undefined;
  #identity: Promise<NetworkIdentity> | undefined;
  readonly #compiled = new Map<string, Compiled>();

  constructor(definition: NetworkDefinition<Given>) {
    this.definition = definition;
    this.name = definition.name;
  }

  /** Parameters, as a tree of tensors. */
  get params(): Tree<Tensor> {
    return this.definition.params;
  }

  /**
   * Which network this is: its name, its width and a hash of its config and of samples of its parameters. Values carry it as
   * `madeFor`, and `originOf` compares two.
   *
   * The hash is of numbers, not of files: of every parameter, by its path, the first and the last 32 as float32. So a network keeps
   * it when it is saved and opened again, in one file or in shards, as GGUF or in a wider type. A type that rounds one of these
   * numbers makes another network of it, as do weights in fewer bits and a step of training. Parameters that were not needed yet are
   * not loaded for it where their samples can be read alone, as those of safetensors can.
   *
   * @throws PatchClampError what reading a parameter throws
   */
  identity(): Promise<NetworkIdentity> {
    this.#identity ??= identityOf(this).catch((error: unknown) => {
      this.#identity = undefined;
      throw error;
    });
    return this.#identity;
  }

  /** Site of the network's output. */
  get output(): string {
    return this.definition.output ?? "logits";
  }

  /** Every site of the network, in the order in which they are computed. */
  sites(): readonly SiteInfo[] {
    if (this.#listed === undefined) {
      const sites = this.#apply(this.definition.prepare(this.definition.example()), {});
      const { meanings } = this.definition;
      this.#listed = [...sites].map(([name, value]) => describeSite(name, value.shape, meanings));
    }
    return this.#listed;
  }

  /** What site selections are checked against. */
  get space(): SiteSpace {
    this.#space ??= {
      network: this.name,
      sites: new Set(this.sites().map(({ name }) => name)),
      absent: this.definition.absent,
      aliases: this.definition.aliases,
    };
    return this.#space;
  }

  /**
   * Builds the graph of a pass without running it. What is read later is computed then; passes can be combined, so
   * that the capture of one is the patch of another inside a single graph.
   *
   * @throws PatchClampError `UNKNOWN_SITE` when an edit or watched site matches nothing
   */
  trace(given: Given, options: TraceOptions = {}): Pass {
    const inputs = this.definition.prepare(given);
    const sites = this.#apply(inputs, options);
    return new Pass(this.space, inputs, Object.fromEntries(sites), () => sites);
  }

  /**
   * Runs the network and records sites.
   *
   * @throws PatchClampError `UNKNOWN_SITE` when a capture or edit matches nothing, and what `prepare` and the edits throw
   */
  async run(given: Given, options: RunOptions = {}): Promise<Pass> {
    const { capture = this.output, edit } = options;
    const wanted = selectSites("run", this.space, capture);
    if (edit !== undefined) {
      const traced = this.trace(given, { edit });
      const values = wanted.map((site) => [site, traced.at(site)] as const);
      await evaluate(values.map(([, value]) => value));
      return new Pass(
        this.space,
        traced.inputs,
        Object.fromEntries(values),
        () => new Map(Object.entries(traced.activations)),
      );
    }
    const inputs = this.definition.prepare(given);
    const activations = await this.#compile(wanted)(inputs);
    return new Pass(this.space, inputs, activations, () => this.#apply(inputs, {}));
  }

  /**
   * Differentiates a scalar of the pass at sites.
   *
   * @throws PatchClampError `UNKNOWN_SITE` when `at` matches nothing, `SHAPE_MISMATCH` when `of` gives no scalar, `BAD_INPUT` when
   * it does not depend on one of the sites
   */
  async grad(given: Given, options: GradOptions): Promise<GradResult> {
    const { of, at, capture, edit, rules } = options;
    const sites = selectSites("grad", this.space, at);
    const pass = this.trace(given, { watch: sites, ...(edit === undefined ? {} : { edit }) });
    const value = of(pass);
    const found = gradients(
      value,
      sites.map((site) => pass.at(site)),
      rules === undefined ? {} : { rules },
    );
    const recorded = capture === undefined ? [] : selectSites("grad", this.space, capture);
    const activations = Object.fromEntries(recorded.map((site) => [site, pass.at(site)]));
    await evaluate([value, ...found, ...Object.values(activations)]);
    return {
      value: await value.item(),
      grads: Object.fromEntries(sites.map((site, i) => [site, found[i]!])),
      activations,
    };
  }

  /** Resolves edits by pattern to edits by site, in the order given. */
  resolveEdits(where: string, edits: Edits): Map<string, Edit[]> {
    const resolved = new Map<string, Edit[]>();
    for (const [pattern, edit] of Object.entries(edits)) {
      if (typeof edit !== "function") {
        throw new PatchClampError("BAD_OPTION", {
          where,
          problem: `the edit of "${pattern}" is ${typeof edit}, not a function of the tensor there.`,
          fix: "write it as (x) => x.add(...).",
        });
      }
      for (const site of selectSites(where, this.space, pattern)) {
        resolved.set(site, [...(resolved.get(site) ?? []), edit]);
      }
    }
    return resolved;
  }

  /**
   * Calls the network's function with a recording tap; `trace` is the form for users.
   *
   * @param params - other parameters in place of its own, such as those of a step of training
   */
  applyTap(
    inputs: Inputs,
    options: Parameters<typeof recordingTap>[0],
    params = this.params,
  ): Map<string, Tensor> {
    return this.#forward(params, inputs, recordingTap(options));
  }

  #apply(inputs: Inputs, { edit, watch }: TraceOptions): Map<string, Tensor> {
    const edits = edit === undefined ? undefined : this.resolveEdits("edit", edit);
    const watched = watch === undefined ? undefined : selectSites("watch", this.space, watch);
    const sites = this.applyTap(inputs, {
      ...(edits === undefined ? {} : { edits }),
      ...(watched === undefined ? {} : { watched: new Set(watched) }),
    });
    for (const site of edits?.keys() ?? []) reached(this.name, sites, site);
    return sites;
  }

  #forward(
    params: Tree<Tensor>,
    inputs: Inputs,
    { tap, sites }: RecordingTap,
  ): Map<string, Tensor> {
    const output = this.definition.forward(params as never, inputs as never, tap);
    if (!sites.has(this.output)) tap(this.output, output);
    return sites;
  }

  #compile(wanted: readonly string[]): Compiled {
    const key = wanted.join();
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      // closes over the parameters, so that a call need not walk their tree
      compiled = compile((inputs: Inputs): Record<string, Tensor> => {
        const sites = this.#forward(this.params, inputs, recordingTap());
        return Object.fromEntries(wanted.map((site) => [site, reached(this.name, sites, site)]));
      });
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }
}

/** The value at a site, which some inputs do not lead to: without an image, nothing is seen. */
function reached(network: string, sites: ReadonlyMap<string, Tensor>, site: string): Tensor {
  const value = sites.get(site);
  if (value !== undefined) return value;
  throw new PatchClampError("BAD_INPUT", {
    where: network,
    problem: `this input does not lead through "${site}", so there is nothing to record or change.`,
    fix: "give what the site speaks of, such as an image, or leave the site out.",
    facts: { site },
  });
}

/**
 * Makes a network of a function that takes a `Tap`.
 *
 * @param definition - the function, its parameters, and how user input becomes tensors
 */
export function defineNetwork<Given>(definition: NetworkDefinition<Given>): Network<Given> {
  return new Network(definition);
}
