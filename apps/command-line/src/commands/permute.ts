/** @file `weightspace permute`: another point of weight space with the same function. */
import { Command } from 'commander';

import { addNetworkOptions, seedOption } from './options.ts';

export const permute = (): Command =>
  addNetworkOptions(new Command('permute'))
    .description('Writes the network with its neurons in a random order: the same function, other weights.')
    .argument('<file>', 'a checkpoint')
    .argument('<out>', '.safetensors, .npz or (of an ONNX file) .onnx')
    .addOption(seedOption())
    .action(async (file: string, out: string, options: { readonly seed: number; readonly architecture?: string }) => {
      const { permuteFile } = await import('../tasks/permute-file.ts');
      process.stdout.write(`${await permuteFile(file, out, options)}\n`);
    });
