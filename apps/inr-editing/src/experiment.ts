/** @file The experiment: can a metanet change what a SIREN draws by changing its weights? */
import { withoutPrefix, withPrefix } from '@weightspace/compute';
import { defineExperiment } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import { createEditor, metanetKinds } from '@weightspace/metanet';
import type { Settings } from '@weightspace/metanet';

import { pictureEdit, pictureEditNames } from './picture-edits.ts';
import type { PictureEdit } from './picture-edits.ts';
import { drawResults, SHOWN } from './results.ts';
import { loadSirens } from './siren-zoo.ts';
import type { SirenZoo } from './siren-zoo.ts';
import { picturesOf, trainEditor } from './train-editor.ts';
import type { EditingResult, EditingSettings, TrainedEditor } from './train-editor.ts';

/** Settings and training of a baseline that differ from the model's. */
interface Baseline {
  readonly settings: Settings;
  readonly training: Partial<EditingSettings>;
}

/** Baselines by kind; `baselines` in the config picks some. */
const baselines: { readonly [kind: string]: Baseline } = {
  'flat-mlp': { settings: { head: [512, 512], dropout: 0 }, training: { rate: 1e-3 } },
};

const config = {
  /** Folder or file of the zoo. */
  zoo: 'data/mnist-siren/sample',
  /** How many of its training networks to use; all when 0. */
  trainSize: 0,
  edit: 'dilate',
  model: { kind: 'nfn-np' },
  training: { epochs: 20, batch: 32, rate: 1e-3, warmUp: 0.1, weightDecay: 0, clip: 1, evaluateEvery: 5 },
  baselines: Object.keys(baselines),
} as const;

export const inrEditing = defineExperiment({
  name: 'inr-editing',
  claim:
    'An equivariant metanet dilates the picture that a SIREN draws by changing its weights, with a far smaller error than ' +
    'leaving it unchanged; refuted when the error stays above half of that, or a flat MLP does as well.',
  config: { ...config, edit: config.edit as string, baselines: config.baselines as readonly string[] },
  configurations: {
    quick: { model: { kind: 'nfn-np', channels: [32, 32, 32], frequencies: 32, frequencyScale: 0.3 } },
    full: {
      zoo: 'zoos/mnist-siren-dws-10000',
      model: { kind: 'nfn-np', channels: [128, 128, 128], frequencies: 128, frequencyScale: 3, normalize: false },
      training: { epochs: 40, batch: 32, rate: 1e-3, warmUp: 0.02, weightDecay: 0, clip: 1, evaluateEvery: 5 },
    },
  },
  variants: {
    'model.kind': Object.fromEntries(
      metanetKinds()
        .filter(({ edit }) => edit !== undefined)
        .map(({ kind, settings }) => [kind, settings]),
    ),
  },
  rules: {
    trainSize: { integer: true, min: 0 },
    'training.epochs': { integer: true, min: 1 },
    'training.batch': { integer: true, min: 1 },
    'training.rate': { min: 0 },
    'training.warmUp': { min: 0, max: 1 },
    'training.weightDecay': { min: 0 },
    'training.clip': { min: 0 },
    'training.evaluateEvery': { integer: true, min: 1 },
  },
  check: ({ edit, baselines: chosen }: { readonly edit: string; readonly baselines: readonly string[] }) => {
    if (!pictureEditNames().includes(edit))
      return `edit: must be one of ${pictureEditNames().join(', ')}, got '${edit}'`;
    const unknown = chosen.find((name) => !Object.hasOwn(baselines, name));
    if (unknown === undefined) return undefined;
    return `baselines: must be of ${Object.keys(baselines).join(', ')}, got '${unknown}'`;
  },
  descriptions: {
    zoo: 'folder or file of the zoo of SIRENs',
    trainSize: 'training networks to use; 0 for all',
    edit: `what is done to the picture: ${pictureEditNames().join(', ')}`,
    'model.kind': 'which metanet; its own settings follow it',
    baselines: `models to compare with: ${Object.keys(baselines).join(', ')}`,
  },
  run,
});

type Resolved = typeof config & { readonly model: { readonly kind: string } & Settings };

async function run(context: RunContext) {
  const settings = context.config as unknown as Resolved;
  const zoo = await loadSirens(settings.zoo, settings.trainSize);
  const edit = pictureEdit(settings.edit);
  context.say(`zoo ${settings.zoo}: ${zoo.train.length} networks for training, ${zoo.test.length} for testing`);
  context.say(`${edit.name}: ${edit.description}`);
  const { kind, ...own } = settings.model;
  const model = await trainOne(context, zoo, edit, kind, own as Settings, settings.training, true);
  const compared: Record<string, EditingResult['metrics']> = {};
  for (const name of settings.baselines) {
    const { settings: chosen, training } = baselines[name]!;
    const result = await trainOne(context, zoo, edit, name, chosen, { ...settings.training, ...training }, false);
    compared[name] = result.json.metrics;
  }
  const editor = createEditor(kind, zoo.architecture, own as Settings);
  const pictures = await picturesOf(editor, zoo, edit, model.trained, zoo.test.slice(0, SHOWN));
  const { 'test/mse': mse, 'test/mse-unchanged': unchanged } = model.json.metrics;
  const errors = Object.fromEntries(Object.entries(compared).map(([name, m]) => [name, m['test/mse']!]));
  await drawResults(context, edit.name, model.json, { [kind]: mse!, ...errors, unchanged: unchanged! }, pictures);
  return { metrics: model.json.metrics, baselines: { ...compared, unchanged: { 'test/mse': unchanged! } } };
}

/** One model as a stage of the run, so that a resumed run has it done when it was. */
async function trainOne(
  context: RunContext,
  zoo: SirenZoo,
  edit: PictureEdit,
  kind: string,
  settings: Settings,
  training: EditingSettings,
  isMain: boolean,
): Promise<{ readonly json: EditingResult; readonly trained: TrainedEditor }> {
  const editor = createEditor(kind, zoo.architecture, settings);
  const name = isMain ? 'model' : kind;
  const prefix = isMain ? '' : `${name}/`;
  const { json, arrays } = await context.stage<EditingResult>(name, async (stage) => {
    context.say(`${name}: ${kind}, ${editor.parameterCount.toLocaleString('en')} parameters`);
    const result = await trainEditor(stage, editor, zoo, edit, training, context.stream.split(name), {
      log: (metrics, step) => context.logMetrics(withPrefix(prefix, metrics), step),
      progress: (total, done) => context.progress({ label: `train ${name}`, total, done }),
    });
    return {
      json: result.json,
      arrays: { ...withPrefix('params/', result.trained.params), ...withPrefix('fixed/', result.trained.fixed) },
    };
  });
  const { 'test/mse': mse, 'test/mse-ratio': ratio } = json.metrics;
  context.say(
    `${name}: test error ${mse!.toPrecision(3)}, ${(100 * ratio!).toFixed(1)} % of leaving the networks unchanged`,
  );
  return { json, trained: { params: withoutPrefix('params/', arrays), fixed: withoutPrefix('fixed/', arrays) } };
}
