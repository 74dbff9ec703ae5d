import { ArchitectureError } from '../architecture-error.ts';
import { choice, flag, positive, wholeNumber } from '../checks.ts';
import type { Fields } from '../checks.ts';
import type { Label } from '../labels/label.ts';
import { attend } from './attend.ts';
import type { AttentionSettings } from './attend.ts';
import { needInputs, registerLayerKind } from './layer-kind.ts';
import type { DeclareContext, LayerDeclaration, LayerKind, LayerSpec, ParameterDeclaration } from './layer-kind.ts';

/**
 * Multi-head attention: o · concat_h(softmax(q_h k_hᵀ / √keySize) v_h), with biases.
 *
 * Inputs: one value with tokens for self-attention; or that of the queries and that of keys and values; or all three.
 *
 * Settings: size (channels written), heads, keyHeads (heads: fewer is grouped-query attention, 1 multi-query), keySize and
 * valueSize (size / heads: of one head), fused (false: `q.weight`, `k.weight`, `v.weight`; true: one `qkv.weight` with
 * rows q, k, v), bias (true: of q, k, v), outBias (true), causal (false), rotary ('none', 'halves' or 'pairs'),
 * rotaryBase (10000).
 *
 * Symmetry: heads move as blocks. Within each head, q and k share an order of their channels, and v shares one with the
 * columns of o. Grouped queries: key heads move as blocks with their queries, the query heads of each group among
 * themselves, and the orders are one for each group. Rotary embeddings turn each pair of channels of q and k at a speed of
 * its own, so no order of these is left.
 * Not used: q·k is unchanged by any invertible matrix on q with its inverse on k, one for each key head (with rotary
 * embeddings, by rotations and scales of each pair), and v·o likewise: continuous groups that contain these orders.
 * Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2; Ainslie et al. 2023, arXiv:2305.13245; Su et al. 2021,
 * arXiv:2104.09864, eq. 15 ('pairs': channels 2i and 2i+1; 'halves': channels i and i + keySize/2, as GPT-NeoX and LLaMA).
 * Departs: no dropout.
 */
export const attention: LayerKind = {
  kind: 'attention',
  settings: parse,
  declare,
  apply: (layer, params, inputs, gain, context) => attend(settingsOf(layer), params, inputs, gain, context),
};
registerLayerKind(attention);

const settingsOf = (layer: LayerSpec): AttentionSettings => layer as unknown as AttentionSettings;

function parse(given: Fields, place: string): Fields {
  const { fused = false, bias = true, outBias = true, causal = false, rotary = 'none', rotaryBase = 10_000 } = given;
  const size = wholeNumber(`${place}.size`, given['size']);
  const heads = wholeNumber(`${place}.heads`, given['heads']);
  const keyHeads = wholeNumber(`${place}.keyHeads`, given['keyHeads'] ?? heads);
  if (heads % keyHeads !== 0) {
    throw new ArchitectureError('defineArchitecture', `${place}.keyHeads`, `a divisor of ${heads} heads`, keyHeads);
  }
  const own = given['keySize'] !== undefined && given['valueSize'] !== undefined;
  if (!own && size % heads !== 0) {
    const remedy = 'or give keySize and valueSize';
    throw new ArchitectureError('defineArchitecture', `${place}.heads`, `a divisor of size ${size}`, heads, remedy);
  }
  const keySize = wholeNumber(`${place}.keySize`, given['keySize'] ?? size / heads);
  const turned = choice(`${place}.rotary`, rotary, ['none', 'halves', 'pairs']);
  if (turned !== 'none' && keySize % 2 !== 0) {
    const expected = 'an even number with rotary embeddings';
    throw new ArchitectureError('defineArchitecture', `${place}.keySize`, expected, keySize);
  }
  return {
    size,
    heads,
    keyHeads,
    keySize,
    valueSize: wholeNumber(`${place}.valueSize`, given['valueSize'] ?? size / heads),
    fused: flag(`${place}.fused`, fused),
    bias: flag(`${place}.bias`, bias),
    outBias: flag(`${place}.outBias`, outBias),
    causal: flag(`${place}.causal`, causal),
    rotary: turned,
    rotaryBase: positive(`${place}.rotaryBase`, rotaryBase),
  };
}

function declare(layer: LayerSpec, context: DeclareContext): LayerDeclaration {
  const { inputs, labels, place } = context;
  needInputs(layer, place, 1, 3);
  const settings = settingsOf(layer);
  checkInputs(layer, context, settings);
  const rows = headLabels(layer, settings, context);
  const [q, k = q, v = k] = inputs;
  const label = labels.space({ name: layer.output, size: settings.size });
  const project = (name: string, out: Label, read: { readonly label: Label; readonly size: number }, bias: boolean) => {
    const fan = { in: read.size, out: labels.sizeOf(out) };
    const row = { label: out, role: 'out' } as const;
    const axes = [row, { label: read.label, role: 'in' }] as const;
    const weight: ParameterDeclaration = { name: `${name}.weight`, kind: 'weight', axes, fan };
    const shift: ParameterDeclaration = { name: `${name}.bias`, kind: 'bias', axes: [row], fan };
    return bias ? [weight, shift] : [weight];
  };
  const read = settings.fused
    ? project('qkv', labels.concat([rows.query, rows.key, rows.value]), q!, settings.bias)
    : [
        ...project('q', rows.query, q!, settings.bias),
        ...project('k', rows.key, k!, settings.bias),
        ...project('v', rows.value, v!, settings.bias),
      ];
  const heads = { label: rows.out, size: settings.heads * settings.valueSize };
  return { label, parameters: [...read, ...project('o', label, heads, settings.outBias)] };
}

function checkInputs(layer: LayerSpec, { inputs, place }: DeclareContext, { fused, causal }: AttentionSettings): void {
  const fail = (where: string, expected: string, got: unknown): never => {
    throw new ArchitectureError('defineArchitecture', `${place}.${where}`, expected, got);
  };
  inputs.forEach(({ positions }, i) => {
    if (positions.length !== 1) fail(`inputs[${i}]`, 'a value with one position axis, for tokens', positions);
  });
  const [q, k = q, v = k] = inputs.map(({ positions }) => positions[0]!);
  if (v !== k) fail('inputs[2]', `a value with the ${k} tokens of the keys`, v);
  if (causal && k !== q) fail('inputs[1]', `a value with the ${q} tokens of the queries, as causal needs`, k);
  if (fused && layer.inputs.length > 1) fail('inputs', 'one name, as fused needs', layer.inputs);
}

/** Channels of q, k and v, and of what o reads, head by head. */
function headLabels(
  { name }: LayerSpec,
  { heads, keyHeads, keySize, valueSize, rotary }: AttentionSettings,
  { labels }: DeclareContext,
): { readonly query: Label; readonly key: Label; readonly value: Label; readonly out: Label } {
  const head = labels.leaf({ name: `${name}.head`, size: keyHeads, kind: 'head' });
  const query = labels.leaf({ name: `${name}.query`, size: heads / keyHeads, kind: 'head', within: head });
  const qk = labels.leaf({ name: `${name}.qk`, size: keySize, within: head, free: rotary === 'none' });
  const vo = labels.leaf({ name: `${name}.vo`, size: valueSize, within: head });
  return { query: [[head, query, qk]], key: [[head, qk]], value: [[head, vo]], out: [[head, query, vo]] };
}
