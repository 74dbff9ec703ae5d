/** @file `nx run data-cnn-park:plot -- FOLDER FILE`: how the test accuracies of a zoo are distributed. */
import { runPlotCommand } from '@weightspace/network-zoo';

await runPlotCommand('data/cnn-park/sample', 'Test accuracies of CNNs of many architectures');
