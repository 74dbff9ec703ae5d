import { activationKinds, mlp, registerActivation } from '@weightspace/architecture';
import { createMetanet, KNOWN_IDS, metaGraph } from '@weightspace/metanet';
import { expect, test } from 'vitest';

const before = activationKinds().length;
registerActivation({ kind: 'cubic', settings: {}, apply: (z) => z, odd: true, homogeneous: false });

const idsOf = (activation: string): number[] => {
  const architecture = mlp({ sizes: [2, 3, 1], activation: { kind: activation } as never });
  return metaGraph(architecture, { style: 'neural-graph', exact: true, reversed: false }).groups.map(
    ({ attributes }) => attributes.activation[0]!,
  );
};

test('ids of activations, and so shapes of tables, do not depend on what others registered', () => {
  expect(KNOWN_IDS.activation).toBe(before + 1);
  expect(activationKinds()).toHaveLength(before + 1);
  expect(createMetanet('ng-gnn', mlp({ sizes: [2, 3, 1] }), 1).parameterCount).toBeGreaterThan(0);
  expect(
    new Set(
      activationKinds()
        .slice(0, before)
        .map((kind) => Math.max(...idsOf(kind))),
    ).size,
  ).toBe(before);
  expect(Math.min(...idsOf('cubic'))).toBe(0);
});
