/** @file The command `predict`: test accuracy of networks in files, and how familiar they are. */
import { compile } from '@weightspace/compute';
import type { NdArray, Tensors } from '@weightspace/compute';
import { newestRun, wholeNumber } from '@weightspace/experiment';
import type { ProjectCommand } from '@weightspace/experiment';

import { predictionOf } from '../models/loss.ts';
import { networksFrom, withInputOptions } from './networks-from.ts';
import type { Given, InputOptions } from './networks-from.ts';
import { loadPredictor, modelOn } from './saved-predictor.ts';
import type { Predictor } from './saved-predictor.ts';
import { familiarity } from './warnings.ts';
import type { Familiarity } from './warnings.ts';

interface Options extends InputOptions {
  readonly run?: string;
  readonly first: number;
  readonly limit: number;
  readonly json: boolean;
}

export const predictCommand: ProjectCommand<Options> = {
  name: 'generalization-prediction:predict',
  description:
    'Predicts how well networks do on unseen data from their weights: of checkpoints (.safetensors, .pt, .npz, .keras, .h5, .onnx, …) or of the rows of a zoo. Warns where a network is unlike those that the predictor was trained on.',
  options: (command) =>
    withInputOptions(
      command
        .argument('<files...>', 'checkpoints, or folders of zoos')
        .option('--run <folder>', 'folder of a finished training; the newest when absent')
        .option('--first <n>', 'first row of a zoo', Number, 0)
        .option('--limit <n>', 'rows of a zoo', wholeNumber(1), 10)
        .option('--json', 'one JSON object per network', false),
    ),
  examples: ['-- network.pt', '-- model.keras --run runs/<run> --json', '-- data/cnn-zoo/sample --limit 3'],
  run: async (options, files, print) => {
    const predictor = loadPredictor(options.run ?? newestRun('generalization-prediction', 'predictor.json'));
    for (const file of files) {
      for (const given of await networksFrom(file, predictor, options, options.first, options.limit)) {
        const predictions = await predict(predictor, given);
        predictions.forEach((value, i) => {
          const known = familiarity(predictor, given.architecture, given.weights, i);
          print((options.json ? asJson : asText)(predictor, given, i, value, known));
        });
      }
    }
  },
};

async function predict(predictor: Predictor, { architecture, weights }: Given): Promise<number[]> {
  const { params, fixed, objective } = predictor;
  const model = modelOn(predictor, architecture);
  // Parameters that the architecture doesn't use stay away.
  const outputs = compile((p: Tensors, x: Tensors, w: Tensors) => model.apply(p, x, w), { name: predictor.kind });
  const { data } = (await outputs(params as never, fixed as never, weights as never)) as unknown as NdArray;
  await outputs.release();
  return Array.from(data, (z) => predictionOf(objective.loss, objective.scale, z));
}

function asText(predictor: Predictor, given: Given, i: number, value: number, known: Familiarity): string {
  const { names, architecture, truth, notes } = given;
  const shown = (x: number) => (predictor.target.endsWith('accuracy') ? `${(100 * x).toFixed(1)} %` : x.toPrecision(4));
  const is = Number.isFinite(truth[i]) ? ` (the zoo says ${shown(truth[i]!)})` : '';
  const { distance, further } = known.placement;
  const lines = [
    `${names[i]}: ${predictor.target} ${shown(value)}${is}; ${architecture.name}, ${architecture.parameterCount.toLocaleString('en')} parameters; distance ${distance.toFixed(1)}, further out than ${Math.round(100 * further)} % of the training networks`,
    ...notes.map((note) => `  note: ${note}`),
    ...known.warnings.map((warning) => `  warning: ${warning}`),
  ];
  return lines.join('\n');
}

function asJson(predictor: Predictor, given: Given, i: number, value: number, known: Familiarity): string {
  const { names, architecture, truth, notes } = given;
  return JSON.stringify({
    file: names[i],
    [predictor.target]: value,
    ...(Number.isFinite(truth[i]) ? { truth: truth[i] } : {}),
    architecture: architecture.name,
    signature: architecture.signature,
    seen: known.seen,
    distance: known.placement.distance,
    furtherOutThan: known.placement.further,
    warnings: known.warnings,
    notes,
  });
}
