export { permutationGroup, symmetryGroup, symmetryKinds } from './group.ts';
export type { SpaceGroup, SymmetryGroup, SymmetryKind } from './group.ts';
export { compose, identityElement, inverse, isIdentity, randomElement, testElements } from './element.ts';
export type { GroupElement, RandomElementOptions, SpaceElement } from './element.ts';
export { act } from './act.ts';
export { actTensors, stackElements } from './act-tensors.ts';
export { canonicalizeSigns } from './canonicalize-signs.ts';
export { checkElement } from './check-element.ts';
export { canonicalElement, canonicalForm } from './canonical/canonical-form.ts';
export type { CanonicalForm } from './canonical/canonical-form.ts';
export { gaugeElement } from './canonical/gauge.ts';
export { layoutOf } from './layout/layout.ts';
export type { AxisRange, Layout, LeafSpace, ParameterLayout, Slot } from './layout/layout.ts';
export { log10OrbitSize } from './orbit/orbit.ts';
export { permuteAxes } from './permute-axes.ts';
export { functionError, genericParameters } from './preservation/function-error.ts';
export type { PreservationOptions } from './preservation/function-error.ts';
export { assertFunction, certifyFunction } from './preservation/certify-function.ts';
export type { ArchitectureCase, FunctionCase, RunCase } from './preservation/certify-function.ts';
export { randomInputs } from './preservation/inputs.ts';
export { automorphisms, checkAutomorphisms } from './automorphism/structure.ts';
export type { AutomorphismOptions, AutomorphismReport, NeuronOrders } from './automorphism/structure.ts';
export { countFunctionSymmetries } from './automorphism/function.ts';
export type { FunctionSymmetries, FunctionSymmetryOptions, StackedRun } from './automorphism/function.ts';
export { SymmetryError } from './symmetry-error.ts';
export {
  assertEquivariance,
  assertInvariance,
  certifyEquivariance,
  certifyInvariance,
} from './certificate/equivariance.ts';
export type { EquivarianceCase, InvarianceCase } from './certificate/equivariance.ts';
export { assertBatchIndependence, certifyBatchIndependence } from './certificate/batch-independence.ts';
export type { BatchCase } from './certificate/batch-independence.ts';
export type { ArrayMap } from './certificate/compare.ts';
export { CertificateError, describe, VacuousError } from './certificate/report.ts';
export type { CertificateKind, CertificateReport, TensorReport } from './certificate/report.ts';
export { gaugeTensors } from './canonical/gauge-tensors.ts';
export { neuronStatisticCounts, neuronStatistics } from './canonical/neuron-statistics.ts';
export { sortNeurons } from './canonical/sort-neurons.ts';
