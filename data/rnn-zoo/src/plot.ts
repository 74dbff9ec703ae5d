/** @file `nx run data-rnn-zoo:plot -- FOLDER FILE`: how the test accuracies of a zoo are distributed. */
import { runPlotCommand } from '@weightspace/network-zoo';

await runPlotCommand('data/rnn-zoo/sample', 'Test accuracies of recurrent networks that add');
