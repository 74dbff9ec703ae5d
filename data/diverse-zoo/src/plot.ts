/** @file `nx run data-diverse-zoo:plot -- FOLDER FILE`: how the test accuracies of a zoo are distributed. */
import { plotAccuracies } from '@weightspace/network-zoo';

const [folder = 'data/diverse-zoo/sample', file = 'accuracies'] = process.argv.slice(2);
await plotAccuracies(folder, file, 'Test accuracies of image classifiers of many kinds');
process.stdout.write(`${file}.svg\n${file}.png\n`);
