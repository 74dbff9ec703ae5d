/** @file The command `attribute`: what a prediction rests on, by layer, neuron and weight. */
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';

import { mapValues, saveSafetensors, takeRows } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { barPlot, newestRun, plotToPng, wholeNumber, writeAtomically, writeJson } from '@weightspace/experiment';
import type { ProjectCommand } from '@weightspace/experiment';
import { pictureToPng } from '@weightspace/parameter-graph';
import { Option } from 'commander';

import { drawAttribution } from './draw-attribution.ts';
import { attribute, importanceOf, methods } from './integrated-gradients.ts';
import type { Attribution, LayerImportance, Method } from './integrated-gradients.ts';
import { predictionOf } from '../models/loss.ts';
import { networksFrom, withInputOptions } from '../prediction/networks-from.ts';
import type { InputOptions } from '../prediction/networks-from.ts';
import { loadPredictor, modelOn } from '../prediction/saved-predictor.ts';
import type { Predictor } from '../prediction/saved-predictor.ts';
import { familiarity } from '../prediction/warnings.ts';
import { markdown } from '../report/table.ts';

interface Options extends InputOptions {
  readonly run?: string;
  readonly row: number;
  readonly method: Method;
  readonly steps: number;
  readonly out: string;
}

export const attributeCommand: ProjectCommand<Options> = {
  name: 'generalization-prediction:attribute',
  description:
    'Says how much each layer and neuron of a network adds to the prediction of its accuracy, and draws it on the parameter graph.',
  options: (command) =>
    withInputOptions(
      command
        .argument('<file>', 'a checkpoint, or the folder of a zoo')
        .option('--run <folder>', 'folder of a finished training; the newest when absent')
        .option('--row <n>', 'row of the zoo', Number, 0)
        .addOption(new Option('--method <name>', 'how').choices(methods).default(methods[0]))
        .option('--steps <n>', 'points of the path at the beginning', wholeNumber(1), 32)
        .option('--out <folder>', 'where pictures and numbers go', 'runs/attribution'),
    ),
  examples: ['-- network.pt', '-- data/cnn-zoo/sample --row 12 --out attribution'],
  run,
};

async function run(options: Options, [file]: readonly string[], print: (line: string) => void): Promise<void> {
  const predictor = loadPredictor(options.run ?? newestRun('generalization-prediction', 'predictor.json'));
  const [given] = await networksFrom(file!, predictor, options, options.row, 1);
  if (!given) throw new Error(`attribute: --row must be one of the zoo's, got ${options.row}`);
  const { architecture, names, notes } = given;
  const weights: NdArrays = mapValues(given.weights, (array) => takeRows(array, [0]));
  const model = modelOn(predictor, architecture);
  const found = await attribute(model, predictor.params, predictor.fixed, weights, options);
  const layers = importanceOf(model, found.weights);
  const { warnings } = familiarity(predictor, architecture, weights);
  for (const line of [
    ...summary(predictor, names[0]!, found),
    ...notes.map((n) => `note: ${n}`),
    ...warnings.map((w) => `warning: ${w}`),
  ])
    print(line);
  print(`\n${tableOf(layers)}\n`);
  mkdirSync(options.out, { recursive: true });
  const title = `What the prediction for ${names[0]} rests on`;
  const picture = drawAttribution(architecture, found.weights, title);
  writeAtomically(join(options.out, 'attribution.svg'), picture.svg);
  writeAtomically(join(options.out, 'attribution.png'), await pictureToPng(picture));
  const bars = await layerPlot(layers);
  writeAtomically(join(options.out, 'layers.svg'), bars.svg);
  writeAtomically(join(options.out, 'layers.png'), await plotToPng(bars));
  const { weights: attributions, ...numbers } = found;
  writeJson(join(options.out, 'attribution.json'), { network: names[0], ...numbers, layers });
  saveSafetensors(join(options.out, 'attribution.safetensors'), attributions);
  print(join(options.out, 'attribution.png'));
}

/** A gap of this share of the difference isn't one of too few points. */
const JUMP = 0.05;

function summary({ objective: { loss, scale }, target }: Predictor, name: string, found: Attribution): string[] {
  const of = (z: number) => predictionOf(loss, scale, z).toFixed(3);
  const jumps = found.steps > 1 && Math.abs(found.gap) > JUMP * Math.abs(found.output - found.baseline);
  const unit = loss === 'bce' ? 'logits' : 'deviations of the target';
  return [
    `${name}: ${target} ${of(found.output)}; a network of zeros has ${of(found.baseline)}; the difference is ${(found.output - found.baseline).toFixed(3)} ${unit}`,
    ...(jumps
      ? [
          'warning: the path jumps (the metanet is invariant to scales?): weights get no just share; try --method gradient-times-weight',
        ]
      : []),
    `attributions add up to it but for ${found.gap.toExponential(1)} (${found.steps} ${found.steps === 1 ? 'point' : 'points'})`,
  ];
}

const tableOf = (layers: readonly LayerImportance[]): string => {
  const all = layers.reduce((sum, { magnitude }) => sum + magnitude, 0);
  return markdown<LayerImportance>(
    [
      ['layer', 'left', ({ layer }) => layer],
      ['sum', 'right', ({ sum }) => sum.toFixed(3)],
      ['share of magnitude', 'right', ({ magnitude }) => `${((100 * magnitude) / all).toFixed(1)} %`],
      ['neurons that add most', 'left', ({ neurons }) => strongest(neurons)],
    ],
    layers,
  );
};

const strongest = (neurons: LayerImportance['neurons']): string =>
  [...neurons.keys()]
    .sort((a, b) => Math.abs(neurons[b]!.sum) - Math.abs(neurons[a]!.sum))
    .slice(0, 3)
    .map((i) => `${i} (${neurons[i]!.sum >= 0 ? '+' : ''}${neurons[i]!.sum.toFixed(3)})`)
    .join(', ');

const layerPlot = (layers: readonly LayerImportance[]) =>
  barPlot({
    title: 'What layers add to the prediction',
    value: { title: 'sum of attributions' },
    bars: layers.map(({ layer, sum }) => ({ name: layer, value: sum })),
    label: (value) => value.toFixed(3),
  });
