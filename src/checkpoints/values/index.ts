// What `patchclamp/values` exports: values, and the files that hold them.

export * from "../../values/index.ts";
export {
  readControlVector,
  writeControlVector,
  type ControlVector,
  type WriteControlVectorOptions,
} from "./control-vector.ts";
export { readDictionary, writeDictionary, type ReadDictionary } from "./dictionary-file.ts";
export {
  loadInterventions,
  readAdapter,
  readInterventions,
  readProbe,
  saveInterventions,
  writeAdapter,
  writeInterventions,
  writeProbe,
  type ReadInterventions,
  type ReadValueOptions,
} from "./intervention-file.ts";
export { readPeft, writePeft } from "./peft.ts";
export { readSaeLens, type ReadSaeLensOptions } from "./saelens.ts";
export { writeSaeLens, type WriteSaeLensOptions } from "./write-saelens.ts";
