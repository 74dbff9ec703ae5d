import { addChain, layersOf, positionsOf, shrink } from '../chain-layers.ts';
import type { Draft } from '../draft.ts';
import type { RecognizeOptions } from '../options.ts';
import type { Scheme } from '../scheme.ts';
import type { StateDict } from '../state-dict.ts';

/** Two numbers in a name: blocks of layers, which may have connections around them that no tensor tells. */
const BLOCKS = /\.\d+\.(.*\.)?\d+(\.|$)/;

/**
 * Networks whose layers stand one behind the other, whatever they are called: linear layers, convolutions (with groups), batch
 * and layer norms. They are taken in the file's order; if that doesn't fit, in the order of their names.
 *
 * Residual connections, activations, strides and poolings have no tensors. Names with blocks in blocks are refused, since
 * networks of that kind most often have residual connections. What is assumed is in the notes; orders of neurons don't depend on it.
 */
export const chain: Scheme = {
  name: 'chain',
  matches: (dict) => {
    const layers = layersOf(dict, dict.names);
    const shapes = layers.map((layer) => dict.shape(`${layer}.weight`)).filter(({ length }) => length > 1);
    return (
      shapes.length > 0 && shapes.every(({ length }) => length <= 5) && !layers.some((layer) => BLOCKS.test(layer))
    );
  },
  build,
};

function build(draft: Draft, options: RecognizeOptions): { output: string; name: string } {
  const { dict } = draft;
  const inFile = layersOf(dict, dict.names);
  const byName = inFile.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  draft.note('layers are assumed to stand in a row, without residual connections: no tensor tells them');
  const layers = fits(dict, inFile) || !fits(dict, byName) ? inFile : byName;
  const weights = layers.map((layer) => dict.shape(`${layer}.weight`));
  const [first = []] = weights.filter(({ length }) => length > 1);
  const positions = options.positions ?? assumedPositions(draft, weights);
  const size = first[1] ?? 1;
  const value = draft.input({ name: 'x', size, ...(first.length > 2 && { positions }) });
  const start = { value, channels: size, positions: first.length > 2 ? positions : [] };
  const { value: output, channels } = addChain(draft, layers, start, options);
  const hidden = weights.filter(({ length }) => length > 1).map(([out]) => out);
  return { output, name: options.name ?? `chain ${size}-${hidden.slice(0, -1).join('-')}-${channels}` };
}

/** Whether each layer reads what the one before it writes, or a multiple: pixels that became channels. */
function fits(dict: StateDict, layers: readonly string[]): boolean {
  const shapes = layers.map((layer) => dict.shape(`${layer}.weight`)).filter(({ length }) => length > 1);
  return shapes.every(([, read = 1, ...kernel], i) => {
    const before = shapes[i - 1];
    if (!before) return true;
    const [channels = 1] = before;
    if (kernel.length > 0) return before.length === kernel.length + 2 && channels % read === 0;
    return before.length > 2 ? read % channels === 0 : read === channels;
  });
}

/** As small as leaves what the first linear layer reads, where there are no strides and poolings. */
function assumedPositions(draft: Draft, weights: readonly (readonly number[])[]): number[] {
  const convs = weights.filter(({ length }) => length > 2);
  const last = convs.at(-1);
  if (!last) return [];
  const axes = last.length - 2;
  const read = weights.find(({ length }, i) => length === 2 && i > weights.indexOf(convs[0]!))?.[1];
  const left = read === undefined || read % last[0]! !== 0 ? 1 : read / last[0]!;
  const target = left === 1 ? Array<number>(axes).fill(8) : positionsOf(left, axes);
  const positions = target.map((n, axis) => n + convs.reduce((sum, shape) => sum + shrink(shape[axis + 2] ?? 1), 0));
  draft.note(
    `no strides and poolings are assumed, and an input of ${positions.join(' × ')} positions: no tensor tells them, and ` +
      'orders of neurons don’t depend on them (option positions)',
  );
  return positions;
}
