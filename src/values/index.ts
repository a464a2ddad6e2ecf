// The one currency: interventions, probes and adapters as values. What `patchclamp/values` exports.

export {
  adapter,
  adapterScaling,
  adapterSchema,
  mergeAdapter,
  type Adapter,
  type AdapterInput,
} from "./adapter.ts";
export { conditionSchema, type Condition, type ConditionMemory } from "./condition.ts";
export { describe, describeAdapter, describeCondition, describeSet } from "./describe.ts";
export {
  decodeDictionary,
  dictionary,
  dictionarySchema,
  dictionarySizes,
  encodeDictionary,
  featureDirection,
  type Dictionary,
  type DictionaryInput,
} from "./dictionary.ts";
export { featureIntervention, type FeatureOptions } from "./dictionary-feature.ts";
export {
  addDirections,
  cosine,
  meanDirection,
  normaliseDirection,
  normOf,
  orthogonalise,
  scaleDirection,
  type Direction,
} from "./directions.ts";
export { describeCurve } from "./describe-curve.ts";
export {
  doseCurveSchema,
  type CollapseBounds,
  type CurveConditions,
  type DoseCurve,
  type DosePoint,
} from "./dose-curve.ts";
export type { FeatureMode, FeatureRow } from "./feature-row.ts";
export {
  intervention,
  interventionSchema,
  type Intervention,
  type InterventionInput,
  type InterventionKind,
} from "./intervention.ts";
export {
  combined,
  interventionSet,
  interventionSetSchema,
  originOf,
  type Identified,
  type InterventionSet,
  type InterventionSetInput,
  type NetworkIdentity,
  type Origin,
} from "./intervention-set.ts";
export { networkHash } from "./network-hash.ts";
export type { Normalisation } from "./normalisation.ts";
export type { Numbers, NumbersInput } from "./numbers.ts";
export {
  editOf,
  planInterventions,
  planRows,
  type EditContext,
  type InterventionPlan,
  type PlanOptions,
  type StrengthOptions,
} from "./plan.ts";
export { probe, probeSchema, probeScore, type Probe, type ProbeInput } from "./probe.ts";
export type { PlanInputs, ValueEdit } from "./slot-edits.ts";
export { fromPyvene, toPyvene, type PyveneConfig } from "./pyvene.ts";
export type { SiteForm } from "./site-form.ts";
export {
  placesOf,
  stepPlaces,
  whereSchema,
  type Encode,
  type PaddedRows,
  type Places,
  type Where,
} from "./where.ts";
