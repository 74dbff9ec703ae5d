/** @file The command `export`: one update of a saved optimizer as an ONNX model with its contract. */
import { mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { openOnnx, RandomStream, saveSafetensors } from '@weightspace/compute';
import { UsageError, writeAtomically, writeJson } from '@weightspace/experiment';
import type { ProjectCommand } from '@weightspace/experiment';
import { createTaskFamily, exportUpdate } from '@weightspace/learned-optimizer';
import type { Settings } from '@weightspace/learned-optimizer';

import { namedOptimizers } from '../evaluation/optimizers.ts';

interface Options {
  readonly task: string;
  readonly settings: string;
  readonly out: string;
}

export const exportCommand: ProjectCommand<Options> = {
  name: 'learned-optimizers:export',
  description:
    "Writes one update of a saved optimizer, for one network of a task's architecture, as an ONNX model; beside it its inputs and outputs (.json) and the state before the first step (.safetensors).",
  options: (command) =>
    command
      .argument('[optimizer]', 'folder of a run of meta-train, or file of an optimizer; the newest run when absent')
      .option('--task <kind>', 'family of tasks whose network it is', 'image-mlp')
      .option('--settings <json>', 'of the family, e.g. \'{"hidden":[64]}\'', '{}')
      .option('--out <file>', 'the model', 'update.onnx'),
  examples: ['', '-- runs/<run> --settings \'{"hidden":[128]}\' --out update.onnx'],
  run: async ({ task, settings, out }, args, print) => {
    const [{ saved }] = namedOptimizers(args) as [ReturnType<typeof namedOptimizers>[number]];
    const { architecture } = createTaskFamily(task, settingsOf(settings)).sample(RandomStream.fromSeed(0));
    const { bytes, state } = exportUpdate(saved, architecture);
    const model = await openOnnx(bytes);
    const contract = {
      optimizer: { kind: saved.kind, settings: saved.settings, provenance: saved.provenance },
      architecture: architecture.spec,
      inputs: model.inputs,
      outputs: model.outputs,
    };
    await model.release();
    const stem = out.replace(/\.onnx$/, '');
    mkdirSync(dirname(stem), { recursive: true });
    saveSafetensors(`${stem}.safetensors`, state);
    writeJson(`${stem}.json`, contract, 'the contract');
    writeAtomically(`${stem}.onnx`, bytes, 'the model');
    print(
      `${stem}.onnx: update of ${saved.kind} for ${architecture.name}, ${contract.inputs.length} inputs, ${contract.outputs.length} outputs; ${basename(stem)}.json names them, ${basename(stem)}.safetensors is the first state`,
    );
  },
};

function settingsOf(text: string): Settings {
  try {
    return JSON.parse(text) as Settings;
  } catch (cause) {
    throw new UsageError(`--settings: must be JSON, got ${text}: ${(cause as Error).message}`, { cause });
  }
}
