/** @file `nx run dataset:cifar-10` and `nx run dataset:svhn`: download a set where it isn't there yet. */
import { setFetchers } from './fetch-sets.ts';

const [, , name = '', folder] = process.argv;
try {
  const fetcher = setFetchers[name];
  if (!fetcher)
    throw new RangeError(`fetch: the set must be one of ${Object.keys(setFetchers).join(', ')}, got '${name}'`);
  process.stdout.write(`${await fetcher(folder)}\n`);
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
