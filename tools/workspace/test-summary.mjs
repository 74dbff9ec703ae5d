/** Sums the test reports of all projects; the last line is `N passed, N failed, N skipped`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const projects = findProjects();
const total = { passed: 0, failed: 0, skipped: 0 };
let missing = 0;
for (const project of projects) {
  const file = join(project, 'test-output', 'vitest.json');
  if (!existsSync(file)) {
    missing++;
    process.stdout.write(`${project}: no report in ${file}; run its tests\n`);
    continue;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites, numTodoTests } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  // A file that can't be loaded fails as a suite without a test.
  const failed = numFailedTests > 0 ? numFailedTests : numFailedTestSuites;
  total.passed += numPassedTests;
  total.failed += failed;
  total.skipped += numPendingTests + numTodoTests;
  process.stdout.write(`${project}: ${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped\n`);
}
process.stdout.write(`${total.passed} passed, ${total.failed + missing} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed + missing > 0 || total.passed === 0 ? 1 : 0;

/** Projects that have tests. */
function findProjects() {
  const folders = ['apps', 'data', 'libs', 'tools'].flatMap((kind) =>
    existsSync(kind) ? readdirSync(kind).map((name) => join(kind, name)) : [],
  );
  return folders
    .filter((folder) => existsSync(join(folder, 'vitest.config.mts')) && existsSync(join(folder, 'test')))
    .sort();
}
