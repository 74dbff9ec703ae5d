export { graphSize, parameterGraph, placeOf } from './build-graph.ts';
export type { GraphOptions } from './build-graph.ts';
export { graphStructure } from './graph-structure.ts';
export type {
  BlockShape,
  GraphStructure,
  NodeOrder,
  NodeParameter,
  StructureBlock,
  StructureGroup,
  TensorView,
} from './graph-structure.ts';
export { structureArrays, viewOffsets } from './structure-arrays.ts';
export type { StructureArrays } from './structure-arrays.ts';
export { STRUCTURAL } from './parameter-graph.ts';
export type {
  EdgeBlock,
  EdgeKind,
  NodeFeature,
  NodeGroup,
  NodeKind,
  ParameterGraph,
  PlaceAxis,
} from './parameter-graph.ts';
export type { GraphNetwork } from './network.ts';
export type { Dataflow, FlowLayer, FlowValue } from './plan/dataflow.ts';
export { graphParameters } from './graph-parameters.ts';
export { adjacency } from './adjacency.ts';
export type { Adjacency } from './adjacency.ts';
export { edgeFeatures } from './edge-features.ts';
export { nodeOrder } from './node-order.ts';
export { GRAPHOLOGY_LIMIT, toGraphology } from './to-graphology.ts';
export type { EdgeAttributes, GraphologyGraph, NodeAttributes } from './to-graphology.ts';
export { graphStyle, graphStyles, registerGraphStyle } from './styles/style.ts';
export type { GraphStyle, Placement } from './styles/style.ts';
export { ParameterGraphError } from './parameter-graph-error.ts';
export { drawGraph } from './draw/draw-graph.ts';
export type { DrawOptions, Picture } from './draw/draw-graph.ts';
export { pictureToPng, writePicture } from './draw/picture-to-png.ts';
export { formatGraph, graphFormats, writeGraph } from './export/write-graph.ts';
export type { GraphFormat } from './export/write-graph.ts';
