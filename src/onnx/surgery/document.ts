// A model as its fields, those of its graph one by one. Nothing in it is ever changed: an edit makes another document that shares
// all that stayed.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { plural } from "../../core/text.ts";
import type { Field } from "../message.ts";
import { bytesField, fieldsOf, messageOf } from "../message.ts";
import type { OnnxModel } from "../model.ts";
import { ModelReader } from "../model.ts";
import { headOf, innerFields } from "./edit.ts";
import { GraphView } from "./graph-view.ts";
import { checkedLocation } from "./location.ts";

/** Where a model was opened. */
export interface Source {
  readonly files: Files;
  /** Of the model in `files`. */
  readonly path: string;
}

/** Numbers that are made when the model is written. Until then they lie at a location that no file can have. */
export interface FreshData {
  readonly sizeBytes: number;
  readonly bytes: () => Promise<Uint8Array>;
}

/** The number of the graph's field in a model. */
const GRAPH_FIELD = 7;

/** A model under the knife. */
export class Document {
  readonly fields: readonly Field[];
  readonly graph: GraphView;
  /** By the location under which the graph has them. */
  readonly fresh: ReadonlyMap<string, FreshData>;
  readonly source: Source | undefined;
  readonly #graphField: Field | undefined;

  private constructor(
    fields: readonly Field[],
    graph: GraphView,
    rest: Pick<Document, "fresh" | "source"> & { graphField?: Field },
  ) {
    this.fields = fields;
    this.graph = graph;
    this.fresh = rest.fresh;
    this.source = rest.source;
    this.#graphField = rest.graphField;
  }

  /** @throws PatchClampError `BAD_FILE` when the bytes are no ONNX model, or keep data out of their folder */
  static read(bytes: Uint8Array, source: Source | undefined): Document {
    const fields = fieldsOf("surgery", bytes);
    const graphs = fields.filter(({ no }) => no === GRAPH_FIELD);
    const [graphField] = graphs;
    if (graphField === undefined || graphs.length > 1) {
      throw new PatchClampError("BAD_FILE", {
        where: "surgery",
        problem: `the file has ${plural(graphs.length, "graph")}, so it is no ONNX model.`,
        fix: "load a whole ONNX file.",
      });
    }
    const graph = new GraphView(innerFields(graphField));
    for (const { data } of graph.initializers.values())
      if (!(data instanceof Uint8Array)) checkedLocation("surgery", data.location);
    const document = new Document(fields, graph, { fresh: new Map(), source, graphField });
    document.head();
    return document;
  }

  /** All that the model says beside its graph, which is empty here. */
  head(): OnnxModel {
    const others = this.fields.filter(({ no }) => no !== GRAPH_FIELD);
    const bytes = messageOf([...others, bytesField(GRAPH_FIELD, "")]);
    return new ModelReader("surgery").model(bytes);
  }

  /** With other fields in the graph. */
  withGraph(fields: readonly Field[], fresh = this.fresh): Document {
    if (fields === this.graph.fields && fresh === this.fresh) return this;
    return new Document(this.fields, new GraphView(fields), { fresh, source: this.source });
  }

  /** With other fields in the model; that of the graph only says where it stands. */
  withFields(fields: readonly Field[]): Document {
    const { graph, fresh, source } = this;
    const graphField = this.#graphField;
    return new Document(fields, graph, {
      fresh,
      source,
      ...(graphField === undefined ? {} : { graphField }),
    });
  }

  /** The bytes of the model, in parts that follow one another. What has not changed is a view of the file. */
  parts(): Uint8Array[] {
    return this.fields.flatMap((field) => {
      if (field.no !== GRAPH_FIELD) return [field.raw];
      if (this.#graphField !== undefined) return [this.#graphField.raw];
      const inner = this.graph.fields.map(({ raw }) => raw);
      return [headOf(GRAPH_FIELD, sizeOfParts(inner)), ...inner];
    });
  }
}

/** Bytes of all parts together. */
export function sizeOfParts(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
