/** @file `nx run data-rnn-zoo:plot -- FOLDER FILE`: how the test accuracies of a zoo are distributed. */
import { plotAccuracies } from '@weightspace/network-zoo';

const [folder = 'data/rnn-zoo/sample', file = 'accuracies'] = process.argv.slice(2);
await plotAccuracies(folder, file, 'Test accuracies of recurrent networks that add');
process.stdout.write(`${file}.svg\n${file}.png\n`);
