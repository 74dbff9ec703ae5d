import { join } from 'node:path';

import { openCheckpoint } from '@weightspace/checkpoint';
import { describe, expect, test } from 'vitest';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);

describe('settings in a PyTorch checkpoint', () => {
  test("of OmegaConf are metadata, by their names, without the root's other copies", async () => {
    const { tensors, metadata } = await openCheckpoint(fixture('omegaconf.pt'), { unknownClasses: 'inert' });
    expect(tensors.map(({ name }) => name)).toEqual(['model.weight']);
    expect(metadata).toEqual({
      'config.lr': '0.5',
      'config.model.n_layers': '2',
      'config.model.activation.0': 'relu',
      'config.model.activation.1': 'gelu',
      'config.deep.list.0': '1',
      'config.deep.list.1.0': '2',
      'config.deep.list.1.1': '3',
      root: '/data/set',
    });
  });

  test('of a class of their own are read only when asked for, and nothing is run', async () => {
    await expect(openCheckpoint(fixture('own-class.pt'))).rejects.toThrow(
      /found the blocked global make_networks.Config; the pickle would call what is not on the list of harmless names/,
    );
    const { tensors, metadata } = await openCheckpoint(fixture('own-class.pt'), { unknownClasses: 'inert' });
    expect(tensors.map(({ name }) => name)).toEqual(['weight']);
    expect(metadata).toEqual({ 'config.n_layers': '3', 'config.activation.0': 'tanh' });
  });
});
