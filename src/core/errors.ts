/** Stable, greppable identifiers; a code never changes meaning once released. */
export type ErrorCode =
  | "SHAPE_MISMATCH"
  | "DTYPE_MISMATCH"
  | "BAD_OPTION"
  | "BAD_INPUT"
  | "BAD_FILE"
  | "UNKNOWN_SITE"
  | "UNKNOWN_NAME"
  | "UNSUPPORTED"
  | "NOT_DIFFERENTIABLE"
  | "INVARIANT_BROKEN"
  | "OUT_OF_MEMORY"
  | "RUNTIME_FAILED"
  | "ABORTED";

export interface ErrorDetail {
  /** Who is speaking: the public function or op the caller used, such as `matmul`. */
  where: string;
  /** What is wrong, with the offending values in it. */
  problem: string;
  /** The smallest change that would make the call succeed. */
  fix?: string | undefined;
  /** Machine-readable facts for the server and the studio. */
  facts?: Readonly<Record<string, unknown>>;
  /** The error underneath, kept rather than quoted. */
  cause?: unknown;
}

/** Every error this package throws on purpose. Anything else is a bug in PatchClamp. */
export class PatchClampError extends Error {
  override readonly name = "PatchClampError";
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly fix: string | undefined;

  constructor(code: ErrorCode, detail: ErrorDetail) {
    const { where, problem, fix, facts = {}, cause } = detail;
    const lines = [`${where}: ${problem}`];
    if (fix !== undefined) lines.push(`  fix: ${fix}`);
    super(lines.join("\n"), cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
    this.fix = fix;
  }
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
