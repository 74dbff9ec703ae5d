/** @file `weightspace verify`: whether the symmetries that were found are ones. */
import { Command } from 'commander';

import { EXIT } from '../exit.ts';
import { addNetworkOptions, jsonOption, seedOption, wholeNumber } from './options.ts';

export const verify = (): Command =>
  addNetworkOptions(new Command('verify'))
    .description(
      "Proves a network's symmetries: random elements of its group must leave its function as it is. Ends with 1 if they do not.",
    )
    .argument('<file>', 'a checkpoint')
    .option('--elements <number>', 'how many random elements to try', wholeNumber(1), 3)
    .addOption(seedOption())
    .addOption(jsonOption())
    .action(
      async (file: string, options: { readonly json: boolean; readonly seed: number; readonly elements: number }) => {
        const { verificationText, verifyFile } = await import('../tasks/verify-file.ts');
        const result = await verifyFile(file, options);
        process.stdout.write(`${options.json ? JSON.stringify(result, null, 2) : verificationText(result)}\n`);
        if (!result.preserved) process.exitCode = EXIT.failed;
      },
    );
