/** @file The experiment `meta-train`: an optimizer that is learned on a family of tasks. */
import { commitText, defineExperiment, gitState, reproduceCommand } from '@weightspace/experiment';
import type { Experiment, JsonObject, RunContext } from '@weightspace/experiment';
import {
  createOptimizer,
  loadOptimizer,
  metaTrain,
  outerDefaults,
  saveOptimizer,
} from '@weightspace/learned-optimizer';
import type { MetaPoint, OuterSettings } from '@weightspace/learned-optimizer';

import { curveAsCsv, means } from '../report/table.ts';
import { metaLossPlot } from '../report/plots.ts';
import {
  asJson,
  estimatorChoice,
  learnedKinds,
  optimizerChoice,
  split,
  taskChoice,
  tasksOf,
  trainingVariants,
} from '../settings.ts';
import type { Choice } from '../settings.ts';

const config = {
  task: taskChoice('image-mlp'),
  tasks: 1,
  tasksPerStep: 1,
  optimizer: optimizerChoice('adafac-mlp-lopt'),
  from: '',
  estimator: estimatorChoice('pes'),
  truncation: { tasks: 16, length: 10, least: 100, greatest: 1000, stepsPerCall: 1 },
  outer: { ...outerDefaults },
};

/** Of pointwise and set-wise kinds; those on graphs, which take several times their time, make half as many. */
const OUTER_STEPS = 5000;
const onGraph = (kind: string): boolean => /ng-gnn|ng-t|gmn/.test(kind);

/** With 1,114 to 5,032 meta-parameters, where `mlp-lopt` has 1,762: evolution strategies need few. Other kinds have their own width. */
const matched: { readonly [kind: string]: { readonly width: number; readonly heads?: number } } = {
  'deep-sets-lopt': { width: 19 },
  'nfn-lopt': { width: 8 },
  'unf-lopt': { width: 8 },
  'ng-gnn-lopt': { width: 5 },
  'gmn-lopt': { width: 8 },
  'ng-t-lopt': { width: 6, heads: 2 },
  'mlp-ng-gnn-lopt': { width: 6 },
  'mlp-gmn-lopt': { width: 6 },
  'mlp-ng-t-lopt': { width: 6, heads: 2 },
};

export const metaTraining = defineExperiment({
  name: 'learned-optimizers',
  claim:
    'An optimizer that is learned lowers the loss of its tasks faster than Adam with the best rate for each number of steps; ' +
    'refuted when `evaluate` finds its training loss at the end above that of the envelope.',
  config: config as never as typeof config,
  configurations: {
    quick: {
      optimizer: { kind: 'mlp-lopt' },
      truncation: { least: 20, greatest: 200 },
      outer: { steps: 1000, rate: 3e-3, warmUp: 25 },
    },
    ...Object.fromEntries(
      learnedKinds().map((kind) => [
        kind,
        {
          optimizer: { kind, ...matched[kind] },
          truncation: { length: 20 },
          outer: { steps: onGraph(kind) ? OUTER_STEPS / 2 : OUTER_STEPS, rate: 3e-3 },
        },
      ]),
    ),
  } as never,
  variants: trainingVariants(),
  rules: {
    tasks: { integer: true, min: 1 },
    tasksPerStep: { integer: true, min: 1 },
    'truncation.tasks': { integer: true, min: 1 },
    'truncation.length': { integer: true, min: 1 },
    'truncation.least': { min: 1 },
    'truncation.greatest': { min: 1 },
    'truncation.stepsPerCall': { integer: true, min: 1 },
    'outer.steps': { integer: true, min: 1 },
    'outer.warmUp': { integer: true, min: 0 },
    'outer.clipValue': { min: 0 },
    'outer.clipNorm': { min: 0 },
  },
  check: (own: { readonly tasks: number; readonly tasksPerStep: number }) =>
    own.tasksPerStep <= own.tasks
      ? undefined
      : `tasksPerStep: must be at most tasks, ${own.tasks}, got ${own.tasksPerStep}`,
  descriptions: {
    'task.kind': 'family of tasks; its own settings follow it',
    tasks: 'tasks that are drawn from the family, each with graphs of its own',
    tasksPerStep: 'of which an outer step takes so many',
    'optimizer.kind': 'which optimizer; its own settings follow it',
    from: 'folder of a saved optimizer to begin with; from its start when empty',
    'estimator.kind': 'how the gradient of the meta-loss is estimated',
    'truncation.tasks': 'networks, or pairs of them, of each task',
    'truncation.length': 'inner steps of an estimate',
    'truncation.least': 'least horizon in inner steps; horizons are log-uniform',
    'truncation.greatest': 'greatest horizon',
    'truncation.stepsPerCall': 'inner steps in one graph; more save a little time and cost time to build',
    'outer.steps': 'updates of the meta-parameters',
    'outer.rate': 'peak of the learning rate, which rises, then falls as a cosine',
  },
  run,
});

interface Resolved {
  readonly task: Choice;
  readonly tasks: number;
  readonly tasksPerStep: number;
  readonly optimizer: Choice;
  readonly from: string;
  readonly estimator: Choice;
  readonly truncation: {
    readonly tasks: number;
    readonly length: number;
    readonly least: number;
    readonly greatest: number;
    readonly stepsPerCall: number;
  };
  readonly outer: OuterSettings;
}

/** Points of the curve that go into the optimizer's file. */
const KEPT_POINTS = 200;

async function run(context: RunContext) {
  const settings = context.config as unknown as Resolved;
  // Before hours in which the folder may move on.
  const commit = commitText(gitState());
  const { outer, truncation } = settings;
  const [optimizer, estimator] = [split(settings.optimizer), split(settings.estimator)];
  const tasks = tasksOf(settings.task, settings.tasks, context.stream);
  const { least, greatest, ...lengths } = truncation;
  const made = createOptimizer(optimizer.kind, tasks[0]!.architecture, optimizer.settings);
  context.say(
    `${optimizer.kind}, ${made.metaParameterCount.toLocaleString('en')} meta-parameters, ${estimator.kind}, on ${tasks.map(({ name }) => name).join('; ')}`,
  );
  const stream = context.stream.split('meta-train');
  // A hybrid begins with the MLP of a trained mlp-lopt, and its own layer as it is drawn.
  const begun = settings.from === '' ? {} : loadOptimizer(settings.from).meta;
  let progress: ReturnType<RunContext['progress']> | undefined;
  const { meta, curve } = await metaTrain({
    tasks,
    tasksPerStep: settings.tasksPerStep,
    optimizer: (architecture) => createOptimizer(optimizer.kind, architecture, optimizer.settings),
    truncation: { ...lengths, horizon: [least, greatest], threads: context.threads },
    estimator: estimator.kind,
    estimatorSettings: estimator.settings,
    outer,
    stream,
    stage: context,
    // As `metaTrain` draws it, where nothing is given.
    meta: { ...made.initialize(stream.split('meta')), ...begun },
    onStep: (point) => {
      progress ??= context.progress({
        label: 'meta-train',
        total: outer.steps,
        unit: 'outer steps',
        done: point.step - 1,
      });
      progress.update(point.step, `loss ${point.loss.toFixed(3)}`);
      context.logMetrics(asMetrics(point), point.step);
    },
  });
  progress?.stop();
  const kept = means(curve, KEPT_POINTS);
  saveOptimizer(context.artifact('optimizer.json'), {
    ...optimizer,
    meta,
    provenance: {
      command: commandOf(context),
      seed: context.seed,
      commit,
      tasks: tasks.map(({ name }) => name),
      curve: kept,
      config: asJson(context.config),
      innerSteps: curve.reduce((sum, { innerSteps }) => sum + innerSteps, 0),
    },
  });
  context.artifact('optimizer.safetensors');
  context.writeArtifact('meta-loss.csv', curveAsCsv(curve));
  await context.savePlot(
    'meta-loss',
    await metaLossPlot(curve),
    'Mean normalized loss of the inner steps of each outer step.',
  );
  return { metrics: summaryOf(curve, kept, made.metaParameterCount) };
}

const asMetrics = ({ loss, gradientNorm, diverged, lost }: MetaPoint) => ({
  'meta/loss': loss,
  'meta/gradient-norm': gradientNorm,
  'meta/diverged': diverged,
  'meta/lost': lost,
});

function summaryOf(
  curve: readonly MetaPoint[],
  kept: readonly (readonly [number, number])[],
  parameters: number,
): Record<string, number> {
  const last = curve.slice(-Math.ceil(curve.length / 20));
  const mean = (of: (point: MetaPoint) => number) => last.reduce((sum, point) => sum + of(point), 0) / last.length;
  return {
    'meta/loss': mean(({ loss }) => loss),
    'meta/first-loss': kept[0]![1],
    'meta/diverged': mean(({ diverged }) => diverged),
    'meta/lost': curve.reduce((sum, { lost }) => sum + lost, 0),
    'inner-steps': curve.reduce((sum, { innerSteps }) => sum + innerSteps, 0),
    parameters,
  };
}

const commandOf = ({ config: own, device }: RunContext): string =>
  reproduceCommand(
    metaTraining as unknown as Experiment,
    own as unknown as JsonObject,
    device,
    'npx nx run learned-optimizers:meta-train --',
  );
