/** @file Tasks of `transfer`: the published one, what differs from it in one way, and every other kind of the registry. */
import { taskFamilyKinds } from '@weightspace/learned-optimizer';
import type { Settings } from '@weightspace/learned-optimizer';

import { taskChoice } from '../settings.ts';
import type { Choice } from '../settings.ts';

const published = (changes: Settings): Choice => ({ ...taskChoice('image-mlp'), ...changes });

const near: { readonly [name: string]: Choice } = {
  'as-trained': published({}),
  wider: published({ hidden: [128] }),
  'much-wider': published({ hidden: [512] }),
  deeper: published({ hidden: [32, 32] }),
  'much-deeper': published({ hidden: [32, 32, 32, 32] }),
  tanh: published({ activation: 'tanh' }),
  mnist: published({ set: 'mnist' }),
  '28x28': published({ side: 28 }),
};

/** By name, in the order of the table. Other kinds are as their defaults have them; families that draw are left to `evaluate`. */
export const transferTasks: { readonly [name: string]: Choice } = {
  ...near,
  ...Object.fromEntries(
    taskFamilyKinds()
      .filter(({ kind }) => kind !== 'image-mlp' && !kind.endsWith('-family'))
      .map(({ kind }) => [kind, taskChoice(kind)]),
  ),
};
