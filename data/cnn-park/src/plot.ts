/** @file `nx run data-cnn-park:plot -- FOLDER FILE`: how the test accuracies of a zoo are distributed. */
import { plotAccuracies } from '@weightspace/network-zoo';

const [folder = 'data/cnn-park/sample', file = 'accuracies'] = process.argv.slice(2);
await plotAccuracies(folder, file, 'Test accuracies of CNNs of many architectures');
process.stdout.write(`${file}.svg\n${file}.png\n`);
