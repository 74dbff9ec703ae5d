import { readFileSync } from 'node:fs';

import { openCheckpoint } from '@weightspace/checkpoint';
import { describe, expect, test } from 'vitest';

import { base64, byName, expected, fixture, seen, skippedNames } from './checkpoint-fixtures.ts';

describe('openCheckpoint', () => {
  test.each(Object.entries(expected))('reads %s as Python does', async (name, wanted) => {
    const checkpoint = await openCheckpoint(fixture(name));
    const tensors = seen(checkpoint.tensors);
    if (wanted.sorted) expect(byName(tensors)).toEqual(byName(wanted.tensors));
    else if (wanted.format === 'safetensors') expect(byName(tensors)).toEqual(byName(wanted.tensors));
    else expect(tensors).toEqual(wanted.tensors);
    expect(checkpoint.format).toBe(wanted.format);
    expect(skippedNames(checkpoint).sort()).toEqual([...(wanted.skipped ?? [])].sort());
    expect(checkpoint.metadata).toMatchObject(wanted.metadata ?? {});
    if (wanted.config !== undefined) expect(checkpoint.config).toEqual(wanted.config);
    checkpoint.close();
  });

  test.each(Object.keys(expected))('says where the values of %s stand in the file', async (name) => {
    const checkpoint = await openCheckpoint(fixture(name));
    const located = checkpoint.tensors.filter(({ location }) => location && !location.strides && !location.bigEndian);
    for (const tensor of located) {
      const { file, offset, bytes } = tensor.location!;
      expect(base64(readFileSync(file).subarray(offset, offset + bytes))).toBe(base64(tensor.bytes()));
    }
    const compressed = /deflated|h5|keras/.test(name);
    expect(located.length > 0).toBe(!compressed && name !== 'fortran.npy');
    checkpoint.close();
  });
});
