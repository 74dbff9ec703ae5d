/** @file `nx run tracking:push`: sends what a server doesn't have yet. */
import { existsSync } from 'node:fs';

import { JOURNAL_FOLDER, pushJournals } from './start-run.ts';
import { TrackingError } from './tracking-error.ts';

const HELP = `Usage: npx nx run tracking:push -- [folder]

Sends the journals of runs that the MLflow server at MLFLOW_TRACKING_URI doesn't have whole.
folder: where the journals are; ${JOURNAL_FOLDER} when absent.
Sending twice changes nothing.

Example:
  MLFLOW_TRACKING_URI=http://127.0.0.1:5000 npx nx run tracking:push

Exit codes: 0 done, 1 the server doesn't have all, 2 wrong usage.`;

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const [verb, folder, ...rest] = args;
  const uri = process.env['MLFLOW_TRACKING_URI'] ?? '';
  const problem =
    verb !== 'push' || rest.length > 0 || folder?.startsWith('-') === true
      ? `expected push and at most one folder, got ${args.join(' ') || 'nothing'}`
      : uri === ''
        ? "MLFLOW_TRACKING_URI isn't set; set it to the server's address"
        : !/^https?:/.test(uri)
          ? `MLFLOW_TRACKING_URI: expected http://… or https://…, found ${uri}; runs in a folder need no push`
          : folder !== undefined && !existsSync(folder)
            ? `${folder}: expected a folder of journals, found nothing; check the path`
            : undefined;
  if (problem !== undefined) {
    process.stderr.write(`error: ${problem}\n\n${HELP}\n`);
    return 2;
  }
  const { sent, failed } = await pushJournals(uri, folder, (text) => process.stderr.write(`warning: ${text}\n`));
  process.stdout.write(
    `${sent} runs are on ${uri}${failed.length > 0 ? `, ${failed.length} aren't:\n${failed.join('\n')}` : ''}\n`,
  );
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof TrackingError ? 2 : 1;
});
