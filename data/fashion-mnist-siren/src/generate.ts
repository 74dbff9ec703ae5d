/** @file `nx run data-fashion-mnist-siren:generate`. */
import { generateSirens } from '@weightspace/siren-zoo';

import { fashionMnistSirens } from './fashion-mnist-sirens.ts';

await generateSirens(fashionMnistSirens);
