/** @file The mixups that there are, by name. */
import { symmetryKinds } from '@weightspace/symmetry';
import type { SymmetryKind } from '@weightspace/symmetry';

import { AugmentationError } from '../augmentation-error.ts';
import { compose } from '../augmentation.ts';
import { translation } from '../input-maps.ts';
import { sign } from '../neuron-symmetries.ts';
import { noise } from '../noise.ts';
import { mixup } from './mixup.ts';
import type { Mixup, MixupOptions } from './mixup.ts';

/** Signs change where a network has them, so this suits any network of coordinates. */
const change = () => compose([translation(0.25), noise(0.32), sign]);

const presets: Readonly<Record<string, () => Omit<MixupOptions, 'name'>>> = {
  mixup: () => ({ align: 'none', labels: 'mixed' }),
  'mixup-permuted': () => ({ align: 'random', labels: 'mixed' }),
  'mixup-aligned': () => ({ align: ['permutation'], labels: 'mixed' }),
  'mixup-weights-only': () => ({ align: 'none', labels: 'larger' }),
  'mixup-self': () => ({ align: ['permutation'], labels: 'own', partner: 'self', change: change() }),
  'mixup-combined': () => ({ align: ['permutation'], labels: 'mixed', change: change() }),
};

export const mixupNames = (): string[] => Object.keys(presets);

/**
 * A mixup by name. After a colon stand the symmetries of its alignment, `mixup-aligned:permutation+sign+phase`, or `all`.
 *
 * @throws {AugmentationError} on an unknown name or symmetry
 */
export function mixupOf(text: string, options: Pick<MixupOptions, 'sweeps' | 'matching'> = {}): Mixup {
  const [name, ...given] = text.split(':') as [string, ...string[]];
  if (!Object.hasOwn(presets, name)) {
    throw new AugmentationError('mixupOf', `name must be one of ${mixupNames().join(', ')}, got '${name}'`);
  }
  const preset = presets[name]!();
  const align = given.length === 0 ? preset.align : symmetriesOf(name, preset.align, given.join(':'));
  return mixup({ ...preset, ...options, name: text, align });
}

function symmetriesOf(name: string, standard: MixupOptions['align'], text: string): readonly SymmetryKind[] {
  if (standard === 'random') {
    throw new AugmentationError('mixupOf', `${name} takes no symmetries, got '${text}'; use mixup-aligned`);
  }
  if (text === 'all') return symmetryKinds;
  const kinds = text.split('+');
  const unknown = kinds.find((kind) => !symmetryKinds.some((known) => known === kind));
  if (unknown === undefined) return kinds as SymmetryKind[];
  throw new AugmentationError(
    'mixupOf',
    `symmetries of ${name} must be all, or of ${symmetryKinds.join(', ')} joined by +, got '${unknown}'`,
  );
}
