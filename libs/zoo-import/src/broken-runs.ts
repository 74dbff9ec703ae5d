/** @file What happens with a run that is broken. */
import { CheckpointError } from '@weightspace/checkpoint';
import { ZooError } from '@weightspace/zoo';

/** Collects what is broken, or refuses the first. */
export class BrokenRuns {
  readonly messages: string[] = [];
  readonly #skip: boolean;

  constructor(skip = false) {
    this.#skip = skip;
  }

  /** @returns what `read` gives, or undefined where that is broken and may be left out */
  async attempt<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      const isOfFile = error instanceof ZooError || error instanceof CheckpointError;
      if (!this.#skip || !isOfFile) throw error;
      this.messages.push(error.message);
      return undefined;
    }
  }
}
