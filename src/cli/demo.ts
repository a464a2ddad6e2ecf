import { command } from "./command.ts";
export const demo = command({ name: "demo", summary: "x", operands: [], options: {}, examples: [], run: async () => ({ data: 1 }) });
