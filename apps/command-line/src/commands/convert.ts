/** @file `weightspace convert`: the same tensors in another format. */
import { Command } from 'commander';

export const convert = (): Command =>
  new Command('convert')
    .description('Writes the tensors of a checkpoint in another format, bit by bit.')
    .argument('<file>', 'a checkpoint')
    .argument('<out>', '.safetensors, .npz or .onnx (tensors alone)')
    .action(async (file: string, out: string) => {
      const { convertFile } = await import('../tasks/convert-file.ts');
      process.stdout.write(`${await convertFile(file, out)}\n`);
    });
