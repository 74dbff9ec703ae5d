export { architectureSchema } from './architecture.ts';
export type { Architecture, ArchitectureSpec, ParameterSpec, Space, SpaceSymmetries, Value } from './architecture.ts';
export { ArchitectureError } from './architecture-error.ts';
export { defineArchitecture } from './define-architecture.ts';
export { mlp, siren } from './builders.ts';
export type { MlpOptions, SirenOptions } from './builders.ts';
export {
  activate,
  activationGain,
  activationKind,
  activationKinds,
  parseActivation,
  registerActivation,
} from './activations/activation.ts';
export type { ActivationKind, ActivationSpec } from './activations/activation.ts';
export { layerKind, layerKinds, registerLayerKind } from './layers/layer-kind.ts';
export type {
  AxisRole,
  ExtraSymmetry,
  LayerDeclaration,
  LayerKind,
  LayerSpec,
  ParameterDeclaration,
  ParameterKind,
} from './layers/layer-kind.ts';
export { initialize } from './initialization/initialize.ts';
export type { InitializeOptions } from './initialization/initialize.ts';
export { initialization, initializations, registerInitialization } from './initialization/recipe.ts';
export type { Initialization, StartContext } from './initialization/recipe.ts';
export { activationsStacked, forward, forwardStacked } from './forward.ts';
export type { ForwardInput } from './forward.ts';
export { checkSingle, checkStacked, parameterShapes } from './parameters.ts';
