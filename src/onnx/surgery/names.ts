// New names, and new names for old.

import { PatchClampError } from "../../core/errors.ts";
import type { Field } from "../message.ts";
import { bytesField } from "../message.ts";
import type { Document } from "./document.ts";
import { changeInner, innerFields, mapFields, textIn } from "./edit.ts";
import { GRAPH, allNames } from "./graph-view.ts";
import { checkValue } from "./values.ts";

/** Hands out names that nothing in a graph has. */
export class Names {
  readonly #taken: Set<string>;

  constructor(document: Document) {
    this.#taken = allNames(document.graph);
  }

  /** `wanted`, or with a number behind it where that is taken. */
  fresh(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }
}

/** Gives values other names, wherever they are read. */
export function renamed(document: Document, names: Readonly<Record<string, string>>): Document {
  const where = "surgery.rename";
  const changes = new Map(Object.entries(names).filter(([old, name]) => old !== name));
  const taken = allNames(document.graph);
  const wanted = new Set<string>();
  for (const [old, name] of changes) {
    checkValue(where, document, old);
    const isTaken = wanted.has(name) || (taken.has(name) && !changes.has(name));
    if (name === "" || isTaken) {
      throw new PatchClampError("BAD_OPTION", {
        where,
        problem: `${JSON.stringify(old)} cannot be called ${JSON.stringify(name)}: ${name === "" ? "a value must have a name" : "that name is taken"}.`,
        facts: { old, name },
      });
    }
    wanted.add(name);
  }
  return document.withGraph(withNames(document.graph.fields, changes));
}

type Changes = ReadonlyMap<string, string>;

/** The fields of a graph with other names for values. */
function withNames(fields: readonly Field[], changes: Changes): readonly Field[] {
  if (changes.size === 0) return fields;
  return mapFields(fields, (field) => {
    switch (field.no) {
      case GRAPH.node:
        return nodeWithNames(field, changes, { outputs: true });
      case GRAPH.initializer:
        return withText(field, [8], changes);
      case GRAPH.sparse:
        return changeInner(field, (inner) =>
          mapFields(inner, (part) => (part.no === 1 ? withText(part, [8], changes) : part)),
        );
      case GRAPH.input:
      case GRAPH.output:
      case GRAPH.value:
        return withText(field, [1], changes);
      case GRAPH.annotation:
        return annotationWithNames(field, changes);
      default:
        return field;
    }
  });
}

/** A node that reads values under other names, and with `outputs` makes them under those too. */
export function nodeWithNames(
  field: Field,
  changes: Changes,
  { inputs = true, outputs = false }: { inputs?: boolean; outputs?: boolean },
): Field {
  return changeInner(field, (inner) =>
    mapFields(inner, (part) => {
      if ((part.no === 1 && inputs) || (part.no === 2 && outputs)) return swapped(part, changes);
      return part.no === 5 && inputs ? attributeWithNames(part, changes) : part;
    }),
  );
}

/** An attribute whose body reads what is around it under other names. */
function attributeWithNames(field: Field, changes: Changes): Field {
  return changeInner(field, (inner) =>
    mapFields(inner, (part) =>
      part.no === 6
        ? changeInner(part, (body) => withNames(body, withoutOwn(body, changes)))
        : part,
    ),
  );
}

/** The changes that reach into a body: names that it gives itself are its own. */
function withoutOwn(body: readonly Field[], changes: Changes): Changes {
  const own = new Set(
    body.flatMap((field) => {
      if (field.no === GRAPH.initializer) return textsOf(field, 8);
      if (field.no === GRAPH.input) return textsOf(field, 1);
      return field.no === GRAPH.node ? textsOf(field, 2) : [];
    }),
  );
  return new Map([...changes].filter(([old]) => !own.has(old)));
}

function textsOf(field: Field, no: number): string[] {
  return innerFields(field).flatMap((part) => (part.no === no ? [textIn(part)] : []));
}

/** What is said of a value's quantisation names tensors, too. */
function annotationWithNames(field: Field, changes: Changes): Field {
  return changeInner(field, (inner) =>
    mapFields(inner, (part) => {
      if (part.no === 1) return swapped(part, changes);
      return part.no === 2 ? withText(part, [2], changes) : part;
    }),
  );
}

function withText(field: Field, nos: readonly number[], changes: Changes): Field {
  return changeInner(field, (inner) =>
    mapFields(inner, (part) => (nos.includes(part.no) ? swapped(part, changes) : part)),
  );
}

function swapped(field: Field, changes: Changes): Field {
  const name = changes.get(textIn(field));
  return name === undefined ? field : bytesField(field.no, name);
}
