/** @file `nx run data-cnn-zoo:plot -- FOLDER FILE`: how the test accuracies of a zoo are distributed. */
import { runPlotCommand } from '@weightspace/network-zoo';

await runPlotCommand('data/cnn-zoo/sample', 'Test accuracies of small CNNs');
