/** @file `nx run data-rnn-zoo:generate`. */
import { generateNetworks } from '@weightspace/network-zoo';

import { rnnZoo } from './rnn-zoo.ts';

await generateNetworks(rnnZoo);
