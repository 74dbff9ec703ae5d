/** @file From a journal to a server, in batches within its limits. */
import { existsSync } from 'node:fs';

import type { Entry, MetricEntry, ParamEntry, TagEntry } from './entry.ts';
import { LIMITS } from './entry.ts';
import type { Journal } from './journal.ts';
import { batchBody, MlflowError } from './mlflow-client.ts';
import type { MlflowClient } from './mlflow-client.ts';
import { TrackingError } from './tracking-error.ts';

interface Pending {
  readonly entry: Entry;
  readonly end: number;
}

/**
 * Sends what a journal has and the server doesn't, in order.
 *
 * Each acknowledged batch is remembered on disk; a batch whose answer was lost is sent again, which changes nothing.
 *
 * @param warn told of what the server refuses for good; that part is passed over
 * @throws what the network or a passing failure of the server throws; call again later
 */
export async function sendJournal(journal: Journal, client: MlflowClient, warn: (text: string) => void): Promise<void> {
  const { server } = client;
  // What another server has is nothing here.
  if ((journal.sent.server ?? server) !== server) journal.acknowledge({ bytes: 0 });
  let run = journal.sent.run;
  for (let pending = journal.unsent(); pending.length > 0; pending = journal.unsent()) {
    const [first] = pending;
    if (first!.entry.kind === 'start') {
      run = await client.run(first!.entry, journal.name);
      journal.acknowledge({ bytes: first!.end, run, server });
      continue;
    }
    if (run === undefined) throw new Error(`internal: journal ${journal.name} doesn't begin with its start`);
    const batch = nextBatch(pending, run);
    const last = batch.length > 0 ? batch.at(-1)! : first!;
    try {
      if (batch.length > 0) await client.logBatch(run, grouped(batch.map(({ entry }) => entry)));
      else await sendOne(client, run, first!.entry, warn);
    } catch (error) {
      const isFinal = error instanceof TrackingError || (error instanceof MlflowError && !error.isPassing);
      if (!isFinal) throw error;
      warn(error.message);
    }
    journal.acknowledge({ bytes: last.end, run, server });
  }
}

async function sendOne(client: MlflowClient, run: string, entry: Entry, warn: (text: string) => void): Promise<void> {
  if (entry.kind === 'end') await client.update(run, entry.status, entry.endTime);
  if (entry.kind !== 'artifact') return;
  if (existsSync(entry.file)) await client.uploadArtifact(run, entry.file, entry.path);
  else warn(`artifact ${entry.path}: the file ${entry.file} is gone`);
}

const isBatched = (entry: Entry): entry is MetricEntry | ParamEntry | TagEntry =>
  entry.kind === 'metric' || entry.kind === 'param' || entry.kind === 'tag';

/** As many of the first entries as one call may carry. */
function nextBatch(pending: readonly Pending[], run: string): Pending[] {
  const counts = { metric: 0, param: 0, tag: 0 };
  const most = { metric: LIMITS.metrics, param: LIMITS.params, tag: LIMITS.tags };
  let bytes = batchBody(run, { metrics: [], params: [], tags: [] }).length;
  const batch: Pending[] = [];
  for (const item of pending) {
    const { entry } = item;
    if (!isBatched(entry) || batch.length === LIMITS.entities || counts[entry.kind] === most[entry.kind]) break;
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes > LIMITS.bytes && batch.length > 0) break;
    // MLflow refuses a batch that has a parameter twice.
    if (entry.kind === 'param' && batch.some(({ entry: other }) => other.kind === 'param' && other.key === entry.key))
      break;
    counts[entry.kind]++;
    batch.push(item);
  }
  return batch;
}

const grouped = (entries: readonly Entry[]) => ({
  metrics: entries.filter((e) => e.kind === 'metric'),
  params: entries.filter((e) => e.kind === 'param'),
  tags: entries.filter((e) => e.kind === 'tag'),
});
