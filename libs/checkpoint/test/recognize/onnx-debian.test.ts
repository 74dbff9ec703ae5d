/** Models that others converted from PyTorch, as Debian ships them; skipped where its package isn't installed. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { verifyOnnx } from '@weightspace/checkpoint';
import { describe, expect, test } from 'vitest';

const folder = '/usr/share/libonnx-testdata/data/pytorch-converted';
const missing = !existsSync(folder);
const names = missing ? ['(none: apt-get install libonnx-testdata)'] : readdirSync(folder).sort();

describe.skipIf(missing)('the models of libonnx-testdata', () => {
  test('are the 82 of version 1.12', () => {
    expect(names).toHaveLength(82);
  });

  // Their one operator stands between inputs and outputs, so that few of them have any group at all.
  test.each(names)('%s is recognized without any operator that is not known', async (name) => {
    const { preserved, network } = await verifyOnnx(join(folder, name, 'model.onnx'), { elements: 1 });
    expect(preserved).toBe(true);
    expect(network.frozen).toEqual([]);
    const labelled = network.parameters.every(({ shape, axes }) => axes.length === shape.length);
    expect(labelled).toBe(true);
  });
});
