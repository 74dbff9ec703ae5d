/** @file `weightspace metanets`: what can be selected with `--set model.kind=…`. */
import { Command } from 'commander';

export const metanets = (): Command =>
  new Command('metanets')
    .description('Lists every registered metanet with its source, symmetry, settings and parameter counts.')
    .option('--json', 'one JSON array in place of the text', false)
    .action(async ({ json }: { readonly json: boolean }) => {
      const { metanetEntries, metanetText } = await import('../tasks/list-metanets.ts');
      process.stdout.write(json ? `${JSON.stringify(metanetEntries(), null, 2)}\n` : `${metanetText()}\n`);
    });
