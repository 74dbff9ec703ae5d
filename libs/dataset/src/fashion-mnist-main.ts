/** @file `nx run dataset:fashion-mnist`: makes the IDX files of Fashion-MNIST where they aren't there yet. */
import { convertFashionMnist } from './convert-fashion-mnist.ts';
import { fashionMnistFolder } from './fashion-mnist.ts';

try {
  const made = convertFashionMnist();
  process.stdout.write(`${fashionMnistFolder()}: ${made.length === 0 ? 'all there' : `made ${made.join(', ')}`}\n`);
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
