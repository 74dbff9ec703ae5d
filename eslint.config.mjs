import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const layers = ['layer:app', 'layer:model', 'layer:data', 'layer:theory', 'layer:compute'];
const depConstraints = layers.map((sourceTag, at) => ({
  sourceTag,
  onlyDependOnLibsWithTags: layers.slice(Math.max(at, 1)),
}));

/** Only one lib may import each of these: everything else goes through that lib. */
const owned = {
  '@tensorflow/tfjs': 'libs/compute',
  'onnxruntime-node': 'libs/compute',
  h5wasm: 'libs/zoo',
};
const restricted = (allowed, more = []) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        ...Object.entries(owned)
          .filter(([, lib]) => lib !== allowed)
          .map(([name, lib]) => ({ group: [name, `${name}/*`], message: `import it from ${lib}` })),
        ...more,
      ],
    },
  ],
});
const tasks = ['metanet', 'augmentation', 'zoo', 'dataset'].map((lib) => `@weightspace/${lib}`);
const knowsNoTask = {
  group: tasks,
  message: 'libs/experiment knows no metanet and no task: apps put the pieces together',
};

export default [
  {
    ignores: [
      '**/dist',
      '**/out-tsc',
      '**/node_modules',
      '.nx',
      '**/test-output',
      '**/runs',
      '**/zoos',
      '**/mlruns',
      '**/*.gen.ts',
    ],
  },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          allowCircularSelfDependency: true,
          allow: ['^.*/vitest\\.shared\\.mts$', '^.*/eslint\\.config\\.mjs$'],
          depConstraints,
        },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'draw from a RandomStream' },
        { object: 'tf', property: 'einsum', message: 'it has no gradient' },
      ],
      'no-console': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      ...restricted(undefined),
    },
  },
  { files: ['libs/compute/**/*.ts'], rules: restricted('libs/compute') },
  { files: ['libs/zoo/**/*.ts'], rules: restricted('libs/zoo') },
  { files: ['libs/experiment/**/*.ts'], rules: restricted(undefined, [knowsNoTask]) },
  { files: ['**/*.data.ts'], rules: { 'max-lines': 'off' } },
  { files: ['**/bench/**/*.ts', 'tools/**/*.mjs', 'tools/**/*.ts'], rules: { 'no-console': 'off' } },
];
