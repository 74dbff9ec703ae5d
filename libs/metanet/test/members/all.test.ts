import { readdirSync, readFileSync } from 'node:fs';

import { metanetKinds } from '@weightspace/metanet';
import { expect, test } from 'vitest';

test('every registered kind has a member test', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name !== 'all.test.ts');
  const text = files.map((name) => readFileSync(`${import.meta.dirname}/${name}`, 'utf8')).join('\n');
  const tested = [...text.matchAll(/describeMember\(\s*'([^']+)'/g)].map(([, kind]) => kind);
  expect(
    metanetKinds()
      .map(({ kind }) => kind)
      .filter((kind) => !tested.includes(kind)),
  ).toEqual([]);
});
