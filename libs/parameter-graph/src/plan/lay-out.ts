/** @file Where the nodes, edges and values of a planned graph begin. */
import type { EdgeBlock, NodeFeature, NodeGroup } from '../parameter-graph.ts';
import type { BlockDraft, GraphPlan, GroupDraft } from './drafts.ts';
import { placeAxes } from './parameter-blocks.ts';
import type { ParameterBlock } from './parameter-blocks.ts';

export const isParameter = (content: BlockDraft['content']): content is ParameterBlock => 'parameter' in content;
export const placeCount = ({ places }: ParameterBlock): number =>
  places.reduce((product, { space }) => product * space.size, 1);

/** Groups and blocks with where they begin. */
export interface GraphLayout {
  readonly groups: readonly NodeGroup[];
  readonly blocks: readonly EdgeBlock[];
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly valueCount: number;
  readonly nodeValueCount: number;
}

export function layOut(plan: GraphPlan, folds: boolean): GraphLayout {
  let [nodeCount, nodeValueCount, edgeCount, valueCount] = [0, 0, 0, 0];
  const groups = plan.groups.map((draft): NodeGroup => {
    const { name, kind, size, depth, layer, factors, activation } = draft;
    const features = featuresOf(draft);
    const [start, featureStart] = [nodeCount, nodeValueCount];
    nodeCount += size;
    nodeValueCount += size * features.length;
    const free = factors.some((space) => space.free);
    const names = factors.map((space) => space.name);
    return { name, kind, start, size, depth, layer, factors: names, free, activation, features, featureStart };
  });
  const blocks = plan.blocks.map(({ name, kind, layer, source, target, content }): EdgeBlock => {
    const own = isParameter(content) ? content : undefined;
    const entries = own === undefined ? (content as { targets: Int32Array }).targets.length : entryCount(own);
    const width = own !== undefined && folds ? placeCount(own) : 1;
    const [start, valueStart] = [edgeCount, valueCount];
    edgeCount += entries / width;
    valueCount += entries;
    const parameter = own?.parameter.name;
    const places = own === undefined ? [] : placeAxes(own.places);
    const segments = own?.segments ?? [];
    return {
      name,
      kind,
      parameter,
      layer,
      segments,
      source,
      target,
      start,
      size: entries / width,
      width,
      valueStart,
      places,
    };
  });
  return { groups, blocks, nodeCount, edgeCount, valueCount, nodeValueCount };
}

const entryCount = ({ ranges }: ParameterBlock): number => ranges.reduce((product, { size }) => product * size, 1);

const featuresOf = ({ features }: GroupDraft): NodeFeature[] =>
  features.flatMap(({ block, kind }) => {
    const places = placeAxes(block.places);
    const { name } = block.parameter;
    return Array.from({ length: placeCount(block) }, (_, place) => ({ parameter: name, kind, places, place }));
  });
