/** @file What `weightspace convert` does. */
import { openCheckpoint } from '@weightspace/checkpoint';

import { count } from './table.ts';
import { checkEnding, writeTensors } from './write-tensors.ts';

/** @returns what was written */
export async function convertFile(file: string, out: string): Promise<string> {
  checkEnding(out);
  const checkpoint = await openCheckpoint(file);
  try {
    writeTensors(out, checkpoint.tensors);
    const skipped =
      checkpoint.skipped.length === 0 ? '' : `; ${checkpoint.skipped.length} items that are no tensors left out`;
    return `${out}: ${count(checkpoint.tensors.length)} tensors${skipped}`;
  } finally {
    checkpoint.close();
  }
}
