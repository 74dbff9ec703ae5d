/** @file `nx run data-mnist-siren:generate`. */
import { generateSirens } from '@weightspace/siren-zoo';

import { mnistSirens } from './mnist-sirens.ts';

await generateSirens(mnistSirens);
