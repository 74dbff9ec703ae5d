/** @file `nx run tracking:push`: sends what a server doesn't have yet. */
import { JOURNAL_FOLDER, pushJournals } from './start-run.ts';
import { TrackingError } from './tracking-error.ts';

const HELP = `tracking push [folder]

Sends the journals of runs that the MLflow server at MLFLOW_TRACKING_URI doesn't have whole.
folder: where the journals are; ${JOURNAL_FOLDER} when absent.
Sending twice changes nothing.`;

async function main(args: readonly string[]): Promise<number> {
  const [verb, folder, ...rest] = args;
  if (verb === '--help' || verb === '-h') {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const uri = process.env['MLFLOW_TRACKING_URI'] ?? '';
  if (verb !== 'push' || rest.length > 0 || !/^https?:/.test(uri)) {
    process.stderr.write(
      uri === '' ? `error: MLFLOW_TRACKING_URI isn't set; set it to the server's address\n\n${HELP}\n` : `${HELP}\n`,
    );
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
