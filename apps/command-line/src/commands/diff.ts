/** @file `weightspace diff`: whether two networks are the same up to symmetry. */
import { Command } from 'commander';

import { EXIT } from '../exit.ts';
import { addNetworkOptions, jsonOption } from './options.ts';

export const diff = (): Command =>
  addNetworkOptions(new Command('diff'))
    .description(
      'Compares two networks of one architecture up to symmetry, and says by how much they differ. Ends with 1 if they do.',
    )
    .argument('<a>', 'a checkpoint')
    .argument('<b>', 'another one')
    .addOption(jsonOption())
    .action(async (a: string, b: string, options: { readonly architecture?: string; readonly json: boolean }) => {
      const { differenceText, diffFiles } = await import('../tasks/diff-files.ts');
      const difference = await diffFiles(a, b, options);
      process.stdout.write(`${options.json ? JSON.stringify(difference, null, 2) : differenceText(difference)}\n`);
      if (!difference.same) process.exitCode = EXIT.failed;
    });
