/** @file `nx g @weightspace/generators:metanet NAME`. A module, since Nx loads generators as they are. */
import { formatFiles, generateFiles, joinPathFragments, logger, visitNotIgnoredFiles } from '@nx/devkit';

const LIB = 'libs/metanet';
const FAMILIES = `${LIB}/src/families`;
const REGISTRATIONS = `${LIB}/src/metanets.ts`;

/**
 * Makes a metanet that passes the tests that all have: a file with two equivariant layers, a head and an editor; its
 * member test; its line of registration.
 *
 * @param {import('@nx/devkit').Tree} tree
 * @param {{ readonly name: string }} options
 * @returns {Promise<() => void>} says what comes next
 */
export default async function metanetGenerator(tree, { name }) {
  check(tree, name);
  const words = name.split('-');
  const pascal = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  generateFiles(tree, joinPathFragments(import.meta.dirname, 'files'), LIB, { name, camel, pascal });
  register(tree, name, camel);
  await formatFiles(tree);
  return () => {
    const file = `${FAMILIES}/${name}/${name}.ts`;
    logger.info(`Write its mathematics, source and symmetry in ${file}, and a row in ${LIB}/README.md.`);
    logger.info(`Tests: cd ${LIB} && npx vitest run test/members/${name}.test.ts`);
  };
}

/**
 * @param {import('@nx/devkit').Tree} tree
 * @param {string} name
 */
function check(tree, name) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new Error(`metanet: name must be in kebab-case, as my-metanet, got '${name}'`);
  if (!tree.exists(REGISTRATIONS)) throw new Error(`metanet: there must be ${REGISTRATIONS} in the workspace`);
  const taken = takenNames(tree);
  if (taken.has(name))
    throw new Error(`metanet: name must be new, got '${name}'; there are ${[...taken].sort().join(', ')}`);
}

/**
 * Families, and the kinds that files say they are.
 *
 * @param {import('@nx/devkit').Tree} tree
 */
function takenNames(tree) {
  const names = new Set(tree.exists(FAMILIES) ? tree.children(FAMILIES) : []);
  visitNotIgnoredFiles(tree, FAMILIES, (file) => {
    if (!file.endsWith('.ts')) return;
    const text = tree.read(file, 'utf8') ?? '';
    for (const [, kind] of text.matchAll(/^\s*kind: '([^']+)',$/gm)) names.add(kind ?? '');
  });
  return names;
}

/**
 * @param {import('@nx/devkit').Tree} tree
 * @param {string} name
 * @param {string} camel
 */
function register(tree, name, camel) {
  const text = tree.read(REGISTRATIONS, 'utf8') ?? '';
  const imported = `import { ${camel}Kind } from './families/${name}/${name}.ts';\n`;
  const [first] = text.match(/^import /m) ?? [];
  if (first === undefined) throw new Error(`metanet: ${REGISTRATIONS} must begin with imports`);
  const at = text.indexOf(first);
  tree.write(
    REGISTRATIONS,
    `${text.slice(0, at)}${imported}${text.slice(at).trimEnd()}\nregisterMetanet(${camel}Kind);\n`,
  );
}
