/** @file A worker thread with a stack of its own: a message takes it some steps on, `null` ends it. */
import { parentPort, workerData } from 'node:worker_threads';

import { preparedStack } from './cnn-stack.ts';

const { kind, seed } = workerData as { readonly kind: 'sgd' | 'adam'; readonly seed: number };
const { run, step } = preparedStack(kind, seed);

parentPort!.on('message', (message: unknown) => {
  const done =
    message === null
      ? step.release().then(() => parentPort!.close())
      : run().then((loss) => parentPort!.postMessage({ loss, flops: step.statistics().flops }));
  done.catch((error: unknown) => {
    throw error;
  });
});
