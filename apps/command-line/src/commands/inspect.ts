/** @file `weightspace inspect`: what is in a checkpoint. */
import { Command } from 'commander';

import { addNetworkOptions, jsonOption } from './options.ts';

export const inspect = (): Command =>
  addNetworkOptions(new Command('inspect'))
    .description(
      'Shows what is in a checkpoint: layers, parameters, neuron spaces, size of the symmetry group, size of the graph, memory.',
    )
    .argument('<file>', 'safetensors, PyTorch, NumPy, Keras, TensorFlow.js (model.json), ONNX or Flax')
    .addOption(jsonOption())
    .action(async (file: string, options: { readonly architecture?: string; readonly json: boolean }) => {
      const { inspectFile, inspectionText } = await import('../tasks/inspect-file.ts');
      const inspection = await inspectFile(file, options);
      process.stdout.write(`${options.json ? JSON.stringify(inspection, null, 2) : inspectionText(inspection)}\n`);
    });
