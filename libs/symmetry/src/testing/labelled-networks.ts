/** @file For tests: labelled networks by hand, without layer kinds; an axis is written 'head*qk + head*vo'. */
import type { AxisRole, LabelledNetwork, ParameterKind, ParameterSpec, Space } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

export const stream = (label: string): RandomStream => RandomStream.fromSeed(12).split(label);

export interface LeafOptions {
  readonly free?: boolean;
  readonly within?: string;
  readonly kind?: Space['kind'];
  readonly sign?: boolean;
  readonly scale?: boolean;
  readonly phase?: number;
}

export function leaf(name: string, size: number, options: LeafOptions = {}): Space {
  const { free = true, within, kind = 'neuron', sign = false, scale = false, phase } = options;
  const activation = { kind: 'identity' } as const;
  return {
    name,
    size,
    free,
    kind,
    activation,
    symmetries: { sign, scale, phase },
    ...(within !== undefined && { within }),
  };
}

export const fixed = (name: string, size: number, options: LeafOptions = {}): Space =>
  leaf(name, size, { ...options, free: false });

/** Axes as text; roles are 'out', 'in', 'index', … unless given after a colon: 'h:index'. */
export type Axes = readonly string[];

export function labelled(
  name: string,
  spaces: readonly Space[],
  parameters: Readonly<Record<string, Axes>>,
): LabelledNetwork {
  const composites = new Map<string, LabelledNetwork['composites'][number]>();
  const segmentsOf = (label: string) => label.split(' + ').map((product) => product.split('*'));
  const sizeOf = (leafName: string) => spaces.find((s) => s.name === leafName)!.size;
  const axisOf = (text: string) => {
    const [label, role] = text.split(':') as [string, AxisRole | undefined];
    const segments = segmentsOf(label);
    const size = segments.reduce((sum, product) => sum + product.reduce((n, l) => n * sizeOf(l), 1), 0);
    if (segments.length > 1 || segments[0]!.length > 1) composites.set(label, { name: label, size, segments });
    return { label, role, size };
  };
  const specs = Object.entries(parameters).map(([parameter, axes]): ParameterSpec => {
    const own = axes.map(axisOf);
    const kind: ParameterKind = parameter.endsWith('bias') ? 'bias' : 'weight';
    return {
      name: parameter,
      layer: parameter.split('.')[0]!,
      kind,
      shape: own.map(({ size }) => size),
      axes: own.map(({ label }) => label),
      roles: own.map(({ role }, axis) => role ?? (['out', 'in'] as const)[axis] ?? 'index'),
      fan: { in: 1, out: 1 },
      start: undefined,
    };
  });
  return { name, spaces, composites: [...composites.values()], parameters: specs };
}

export const randomParams = (network: LabelledNetwork, draws: RandomStream, count?: number): NdArrays =>
  Object.fromEntries(
    network.parameters.map(({ name, shape }) => [
      name,
      draws.split(name).normal(count === undefined ? shape : [count, ...shape]),
    ]),
  );

/** 3-4-5-2, no symmetries but orders. */
export const plainMlp = labelled('mlp', [fixed('x', 3), leaf('h1', 4), leaf('h2', 5), fixed('y', 2)], {
  'l1.weight': ['h1', 'x'],
  'l1.bias': ['h1'],
  'l2.weight': ['h2', 'h1'],
  'l2.bias': ['h2'],
  'l3.weight': ['y', 'h2'],
  'l3.bias': ['y'],
});

/** Two heads of 3 and 2; q, k and v in one matrix; the stream of 4 is free. */
export const fusedAttention = labelled(
  'attention',
  [
    fixed('x', 3),
    leaf('d', 4),
    leaf('head', 2, { kind: 'head' }),
    leaf('qk', 3, { within: 'head' }),
    leaf('vo', 2, { within: 'head' }),
    fixed('y', 2),
  ],
  {
    'embed.weight': ['d', 'x'],
    'qkv.weight': ['head*qk + head*qk + head*vo', 'd'],
    'qkv.bias': ['head*qk + head*qk + head*vo'],
    'o.weight': ['d', 'head*vo'],
    'head.weight': ['y', 'd'],
  },
);

/** 2 groups of key heads, 3 query heads each; q and k of 2, v of 1. */
export const groupedQuery = labelled(
  'grouped query attention',
  [
    fixed('x', 3),
    leaf('kv', 2, { kind: 'head' }),
    leaf('query', 3, { kind: 'head', within: 'kv' }),
    leaf('qk', 2, { within: 'kv' }),
    leaf('vo', 2, { within: 'kv' }),
    fixed('y', 2),
  ],
  {
    'q.weight': ['kv*query*qk', 'x'],
    'k.weight': ['kv*qk', 'x'],
    'v.weight': ['kv*vo', 'x'],
    'o.weight': ['y', 'kv*query*vo'],
  },
);

/** Grouped convolution: 2 groups, 3 outputs and 2 inputs each; the second axis finds the group on the first. */
export const groupedConvolution = labelled(
  'grouped convolution',
  [
    fixed('x', 1),
    leaf('group', 2, { kind: 'group' }),
    leaf('i', 2, { within: 'group' }),
    leaf('o', 3, { within: 'group' }),
    fixed('row', 3, { kind: 'kernel' }),
    fixed('column', 3, { kind: 'kernel' }),
    fixed('y', 2),
  ],
  {
    'stem.weight': ['group*i', 'x', 'row', 'column'],
    'grouped.weight': ['group*o', 'i', 'row', 'column'],
    'grouped.bias': ['group*o'],
    'head.weight': ['y', 'group*o'],
  },
);

/** Gates are fixed, and the recurrent weights have the same neurons on both axes. */
export const lstm = labelled('lstm', [fixed('x', 2), fixed('gate', 4, { kind: 'gate' }), leaf('n', 3), fixed('y', 2)], {
  'lstm.weight_ih': ['gate*n', 'x'],
  'lstm.weight_hh': ['gate*n', 'n'],
  'lstm.bias': ['gate*n'],
  'head.weight': ['y', 'n'],
});

export const depthwise = labelled(
  'depthwise cnn',
  [fixed('x', 2), leaf('c', 5), fixed('one', 1), fixed('k', 3, { kind: 'kernel' }), fixed('y', 2)],
  {
    'stem.weight': ['c', 'x', 'k'],
    'depthwise.weight': ['c:index', 'one', 'k'],
    'head.weight': ['y', 'c'],
  },
);

/** Signs inside of heads, scales and phases in plain spaces, and a recurrent matrix. */
export const everything = labelled(
  'everything',
  [
    fixed('x', 2),
    leaf('head', 2),
    leaf('s', 3, { within: 'head', sign: true }),
    leaf('c', 4, { scale: true }),
    leaf('p', 3, { sign: true, phase: Math.PI / 2 }),
    leaf('inner', 2, { within: 's', sign: true, scale: true }),
    fixed('y', 2),
  ],
  {
    'a.weight': ['head*s + c', 'x'],
    'a.bias': ['head*s + c'],
    'b.weight': ['p', 'head*s + c'],
    'b.bias': ['p'],
    'c.weight': ['head*s*inner', 'p'],
    'c.bias': ['head*s*inner'],
    'r.weight': ['c', 'c'],
    'd.weight': ['head*s:index', 'inner:in', 'x:index'],
    'e.weight': ['y', 'head*s*inner + p'],
  },
);

export const labelledNetworks = [
  plainMlp,
  fusedAttention,
  groupedQuery,
  groupedConvolution,
  lstm,
  depthwise,
  everything,
].map((network) => [network.name, network] as const);
