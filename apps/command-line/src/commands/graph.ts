/** @file `weightspace graph`: the parameter graph as a picture or a file. */
import { Command } from 'commander';

import { UsageError } from '../exit.ts';
import type { GraphRequest } from '../tasks/write-graph-files.ts';
import { addNetworkOptions, wholeNumber } from './options.ts';

const OUTPUTS = ['svg', 'png', 'gexf', 'graphml', 'json'] as const;

export const graph = (): Command =>
  addNetworkOptions(new Command('graph'))
    .description('Draws the parameter graph of a network, or writes it for Gephi, NetworkX and others.')
    .argument('<file>', 'a checkpoint')
    .option('--svg <out>', 'a picture as SVG')
    .option('--png <out>', 'a picture as PNG')
    .option('--gexf <out>', 'the graph as GEXF')
    .option('--graphml <out>', 'the graph as GraphML')
    .option('--json <out>', "the graph as graphology's JSON")
    .option(
      '--style <name>',
      'graph-metanetwork (Lim et al. 2024) or neural-graph (Kofinas et al. 2024)',
      'graph-metanetwork',
    )
    .option('--published', "the sizes of the public code: heads aren't told apart, no running statistics", false)
    .option('--layers <names>', 'only these layers, separated by commas, in the picture')
    .option('--lines <number>', 'at most so many lines for each parameter in the picture', wholeNumber(1), 400)
    .option('--title <text>', 'above the picture')
    .action(async (file: string, options: Omit<GraphRequest, 'outputs'> & { readonly [output: string]: unknown }) => {
      const outputs = OUTPUTS.flatMap((format) => {
        const out = options[format];
        return typeof out === 'string' ? [{ format, out }] : [];
      });
      if (outputs.length === 0) {
        throw new UsageError(`graph: name at least one output: ${OUTPUTS.map((name) => `--${name}`).join(', ')}`);
      }
      const { writeGraphFiles } = await import('../tasks/write-graph-files.ts');
      process.stdout.write(`${await writeGraphFiles(file, { ...options, outputs })}\n`);
    });
