export { architectureSchema } from './architecture.ts';
export type { Architecture, ArchitectureSpec, InputSpec, Value } from './architecture.ts';
export type { Composite, Finished, FinishedLeaf } from './labels/finish.ts';
export { LabelError } from './labels/label.ts';
export type { Label, LeafId, LeafOptions, Product, SpaceKind } from './labels/label.ts';
export { LabelSolver } from './labels/label-solver.ts';
export type { SplitOptions } from './labels/label-solver.ts';
export { ancestorsOf, instancesOf, noSymmetries, segmentsOf, spaceOf } from './labels/labelled-network.ts';
export type { LabelledNetwork, ParameterSpec, Space, SpaceSymmetries } from './labels/labelled-network.ts';
export { ArchitectureError } from './architecture-error.ts';
export { defineArchitecture } from './define-architecture.ts';
export { cnn, vgg } from './builders/cnn.ts';
export type { CnnOptions, VggOptions } from './builders/cnn.ts';
export { deepSets } from './builders/deep-sets.ts';
export type { DeepSetsOptions } from './builders/deep-sets.ts';
export { mlp, siren } from './builders/mlp.ts';
export type { MlpOptions, SirenOptions } from './builders/mlp.ts';
export { parkCnn } from './builders/park-cnn.ts';
export type { ParkCnnOptions } from './builders/park-cnn.ts';
export { resnet } from './builders/resnet.ts';
export type { ResnetOptions } from './builders/resnet.ts';
export { rnn } from './builders/rnn.ts';
export type { RnnOptions } from './builders/rnn.ts';
export { transformer, vit } from './builders/transformer.ts';
export type { BlockOptions, TransformerOptions, VitOptions } from './builders/transformer.ts';
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
  ApplyContext,
  AxisRole,
  DeclareContext,
  ExtraSymmetry,
  LayerDeclaration,
  LayerInput,
  LayerKind,
  LayerSpec,
  ParameterDeclaration,
  ParameterKind,
  ParameterStart,
  TiedParameter,
} from './layers/layer-kind.ts';
export { initialize } from './initialization/initialize.ts';
export type { InitializeOptions } from './initialization/initialize.ts';
export { initialization, initializations, registerInitialization } from './initialization/recipe.ts';
export type { Initialization, StartContext } from './initialization/recipe.ts';
export { activationsStacked, batchStatistics, forward, forwardStacked } from './forward.ts';
export type { ForwardInput, ForwardOptions } from './forward.ts';
export { checkSingle, checkStacked, parameterShapes } from './parameters.ts';
export { randomArchitecture } from './testing/random-architecture.ts';
