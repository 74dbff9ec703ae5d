import { describe, expect, test } from 'vitest';

import { resolveConfig, setLayer } from '@weightspace/experiment';

import { reproduceCommand } from '../src/cli/reproduce.ts';
import { schemaOf } from '../src/cli/settings.ts';
import { counter } from './fixtures/counter.ts';
import type { Experiment } from '@weightspace/experiment';

const experiment = counter as unknown as Experiment;
const commandFor = (...sets: string[]) =>
  reproduceCommand(experiment, resolveConfig(schemaOf(experiment), [setLayer(sets)]), 'cpu', 'run');

describe('reproduceCommand', () => {
  test.each([
    [['steps=30'], 'run'],
    [['steps=30', 'seed=4', 'fail=nan'], 'run --set seed=4 --set fail=nan'],
    [['steps=30', 'model.kind=wide'], 'run --set model.kind=wide'],
    [
      ['steps=3000', 'model.kind=wide', 'model.width=48', 'model.rate=0.25'],
      'run --configuration full --set model.rate=0.25',
    ],
    [['steps=3000', 'model.kind=narrow', 'model.width=9'], 'run --set steps=3000 --set model.width=9'],
  ])('for %j gives %s', (sets, command) => expect(commandFor(...sets)).toBe(command));
  test('names the device when it is another', () => {
    expect(
      reproduceCommand(experiment, resolveConfig(schemaOf(experiment), [setLayer(['steps=30'])]), 'eager', 'run'),
    ).toBe('run --device eager');
  });
});
