/** @file `nx run data-cnn-zoo:generate`. */
import { generateNetworks } from '@weightspace/network-zoo';

import { smallCnnZoo } from './small-cnns.ts';

await generateNetworks(smallCnnZoo);
