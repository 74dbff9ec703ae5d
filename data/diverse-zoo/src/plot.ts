/** @file `nx run data-diverse-zoo:plot -- FOLDER FILE`: how the test accuracies of a zoo are distributed. */
import { runPlotCommand } from '@weightspace/network-zoo';

await runPlotCommand('data/diverse-zoo/sample', 'Test accuracies of image classifiers of many kinds');
