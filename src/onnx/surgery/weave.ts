// The nodes and constants that one intervention becomes.

import type { ErrorCode } from "../../core/errors.ts";
import { PatchClampError } from "../../core/errors.ts";
import type { Field } from "../message.ts";
import type { OnnxType } from "../model.ts";
import type { Bake } from "./bake.ts";
import type { FreshData } from "./document.ts";
import { nodeField, tensorField } from "./edit.ts";
import { newConstant } from "./fresh.ts";
import type { Names } from "./names.ts";
import { nodeWithNames } from "./names.ts";
import type { FloatType, Numbers } from "./numbers.ts";
import { bytesOfFloats, isFloatType, orthonormalRows, transposed } from "./numbers.ts";
import type { Shape } from "./shapes/dim.ts";

/** What an intervention is written for. */
export interface WeaverForm {
  readonly names: Names;
  /** Takes the numbers of large constants. */
  readonly fresh: Map<string, FreshData>;
  /** Of the value; undefined where it is not known. */
  readonly type: OnnxType | undefined;
  readonly shape: Shape | undefined;
  /** Whether constants are written as nodes. */
  readonly asNodes: boolean;
}

/** Writes the nodes and constants of one intervention. */
export class Weaver {
  readonly constants: Field[] = [];
  readonly #bake: Bake;
  readonly #type: FloatType;
  readonly #form: WeaverForm;
  readonly #nodes: Field[] = [];

  constructor(bake: Bake, form: WeaverForm) {
    this.#bake = bake;
    this.#form = form;
    this.#type = floatType(bake, bake.type ?? form.type);
    for (const [key, words] of [
      ["at", "at places that are chosen"],
      ["when", "on a condition"],
    ] as const) {
      if (bake[key] === undefined) continue;
      throw refusal(
        bake,
        `is to be changed ${words}, which a plain graph cannot express`,
        `leave out "${key}", or steer with PatchClamp while the model runs.`,
      );
    }
  }

  /** The nodes that make the value `to` from the value `from`. */
  nodes(from: string, to: string): readonly Field[] {
    const result = this.#part(from, this.#change(from));
    const last = this.#nodes.pop();
    if (last === undefined || result === undefined) return [];
    const ending = nodeWithNames(last, new Map([[result, to]]), { inputs: false, outputs: true });
    return [...this.#nodes, ending];
  }

  /** x + strength * (y - x) */
  #part(x: string, y: string): string {
    const { strength = 1 } = this.#bake;
    if (strength === 1) return y;
    const share = this.#constant("strength", single(strength));
    return this.#emit("Add", x, this.#emit("Mul", this.#emit("Sub", y, x), share));
  }

  #change(x: string): string {
    const bake = this.#bake;
    switch (bake.kind) {
      case "add": {
        const { scale = 1, vector } = bake;
        const data = vector.data.map((value) => value * scale);
        return this.#emit("Add", x, this.#against("vector", { ...vector, data }));
      }
      case "project-out": {
        // x - (x Qᵀ) Q, the rows of Q being orthonormal
        const basis = orthonormalRows(this.#whole("basis", bake.basis, 2));
        if (basis === undefined)
          throw refusal(
            bake,
            "is given dependent rows as a basis",
            "leave out rows that are sums of others.",
            "BAD_INPUT",
          );
        const parts = this.#emit("MatMul", x, this.#constant("columns", transposed(basis)));
        return this.#emit("Sub", x, this.#emit("MatMul", parts, this.#constant("rows", basis)));
      }
      case "clamp":
        return this.#clamped(x, bake.direction, bake.min, bake.max);
      case "scale": {
        const gain = typeof bake.gain === "number" ? single(bake.gain) : bake.gain;
        return this.#emit("Mul", x, this.#against("gain", gain));
      }
      case "mask":
        return this.#emit("Mul", x, this.#against("keep", bake.keep));
      case "affine": {
        const weight = this.#whole("weight", bake.weight, 2);
        if (weight.shape[0] !== weight.shape[1])
          throw refusal(
            bake,
            `is given a weight [${weight.shape.join(", ")}]`,
            "give a square one.",
            "BAD_INPUT",
          );
        const product = this.#emit("MatMul", x, this.#constant("weight", transposed(weight)));
        if (bake.bias === undefined) return product;
        return this.#emit("Add", product, this.#against("bias", bake.bias));
      }
      case "replace":
        return this.#filled(x, bake.value);
      case "ablate":
        return this.#filled(x, bake.mean ?? single(0));
      case "experts":
      case "feature":
        throw refusal(
          bake,
          `is to be changed by "${bake.kind}", which is not baked into ONNX files`,
          "steer with PatchClamp while the model runs.",
        );
    }
  }

  /** x + (clip(x u) - x u) uᵀ, u having length 1 */
  #clamped(
    x: string,
    direction: Numbers,
    min: number | undefined,
    max: number | undefined,
  ): string {
    const unit = orthonormalRows(this.#whole("direction", direction, 1));
    if (unit === undefined)
      throw refusal(this.#bake, "is given the direction 0", "give another.", "BAD_INPUT");
    const component = this.#emit("MatMul", x, this.#constant("column", transposed(unit)));
    let held = component;
    if (min !== undefined) held = this.#emit("Max", held, this.#constant("min", single(min)));
    if (max !== undefined) held = this.#emit("Min", held, this.#constant("max", single(max)));
    const change = this.#emit("Sub", held, component);
    return this.#emit("Add", x, this.#emit("MatMul", change, this.#constant("row", unit)));
  }

  /** Numbers repeated to the sizes of `x`, whatever is in it. */
  #filled(x: string, numbers: Numbers): string {
    return this.#emit("Expand", this.#against("value", numbers), this.#emit("Shape", x));
  }

  #emit(opType: string, ...inputs: readonly string[]): string {
    const { names } = this.#form;
    const stem = `${this.#bake.site}/${this.#bake.kind}/${opType}`;
    const output = names.fresh(stem);
    this.#nodes.push(
      nodeField({ opType, name: names.fresh(`${stem}_node`), inputs, outputs: [output] }),
    );
    return output;
  }

  /** Numbers that are laid against the value: they repeat along its axes, and must not make it larger. */
  #against(role: string, numbers: Numbers): string {
    const { shape } = this.#form;
    const sizes = [...numbers.shape];
    while (sizes.length > 1 && sizes.length > (shape?.length ?? 1) && sizes[0] === 1) sizes.shift();
    const fits = sizes.every((size, i) => {
      const own = shape === undefined ? null : shape[i - sizes.length + shape.length];
      if (own === undefined) return false;
      // against a size that is not known, only the last axis can be more than 1
      return size === 1 || size === own || (typeof own !== "number" && i === sizes.length - 1);
    });
    if (fits) return this.#constant(role, { shape: sizes, data: numbers.data });
    throw this.#misfit(role, numbers);
  }

  /** Numbers whose last axis is the value's width. */
  #whole(role: string, numbers: Numbers, rank: number): Numbers {
    const width = this.#form.shape?.at(-1);
    const own = numbers.shape.at(-1);
    const fits = typeof width !== "number" || width === own;
    if (fits && numbers.shape.length === rank) return numbers;
    throw this.#misfit(role, numbers);
  }

  #misfit(role: string, { shape }: Numbers): PatchClampError {
    const own = this.#form.shape;
    const sizes =
      own === undefined ? "of unknown rank" : `[${own.map((s) => s ?? "?").join(", ")}]`;
    return new PatchClampError("SHAPE_MISMATCH", {
      where: "surgery.bake",
      problem: `the ${role} [${shape.join(", ")}] does not fit the value "${this.#bake.site}" ${sizes}.`,
      facts: { site: this.#bake.site, shape },
    });
  }

  #constant(role: string, { shape, data }: Numbers): string {
    const { names, fresh, asNodes } = this.#form;
    const type = this.#type;
    const name = names.fresh(`${this.#bake.site}/${this.#bake.kind}/${role}`);
    const bytes = bytesOfFloats(type, data);
    if (asNodes) {
      const value = tensorField(5, { name: "", type, shape, data: bytes });
      const attributes = { value };
      const node = {
        opType: "Constant",
        name: names.fresh(`${name}_node`),
        inputs: [],
        outputs: [name],
      };
      this.#nodes.push(nodeField({ ...node, attributes }));
    } else {
      this.constants.push(newConstant(fresh, { name, type, shape, data: bytes }));
    }
    return name;
  }
}

function single(value: number): Numbers {
  return { shape: [], data: Float32Array.of(value) };
}

/** The error that an intervention cannot be baked. */
export function refusal(
  { site }: Bake,
  problem: string,
  fix: string,
  code: ErrorCode = "UNSUPPORTED",
): PatchClampError {
  return new PatchClampError(code, {
    where: "surgery.bake",
    problem: `the value ${JSON.stringify(site)} ${problem}.`,
    fix,
    facts: { site },
  });
}

function floatType(bake: Bake, type: OnnxType | undefined): FloatType {
  if (isFloatType(type)) return type;
  throw refusal(
    bake,
    type === undefined ? "has a type that is not known" : `holds ${type}`,
    type === undefined
      ? 'say it: { type: "float32" }.'
      : "name a value of floating-point numbers, such as one after DequantizeLinear.",
  );
}
