/** @file `nx run data-diverse-zoo:generate`. */
import { generateNetworks } from '@weightspace/network-zoo';

import { diverseZoo } from './diverse-zoo.ts';

await generateNetworks(diverseZoo);
