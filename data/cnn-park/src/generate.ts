/** @file `nx run data-cnn-park:generate`. */
import { generateNetworks } from '@weightspace/network-zoo';

import { cnnPark } from './cnn-park.ts';

await generateNetworks(cnnPark);
