/** @file A trained predictor on disk: `predictor.json` and its arrays. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { defineArchitecture } from '@weightspace/architecture';
import type { Architecture, ArchitectureSpec } from '@weightspace/architecture';
import { loadSafetensors, RandomStream, saveSafetensors, withoutPrefix } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import { MetanetError } from '@weightspace/metanet';
import type { Metanet, Settings } from '@weightspace/metanet';

import type { Outcome } from '../experiments/study.ts';
import { architecturesOf } from '../models/make-learner.ts';
import type { Objective } from '../models/learner.ts';
import { shareModel } from '../models/shared-model.ts';
import type { ModelChoice } from '../models/shared-model.ts';
import type { Task } from '../training/train-predictor.ts';
import type { Rows } from '../zoo/load-rows.ts';
import { weightsOf } from '../zoo/load-rows.ts';
import { distributionOf } from './distribution.ts';
import type { Distribution } from './distribution.ts';
import { weightFeatures } from './weight-features.ts';

const SCHEMA = 'weightspace-predictor/1';

interface Description {
  readonly schema: typeof SCHEMA;
  readonly kind: string;
  readonly settings: Settings;
  readonly objective: Objective;
  readonly target: string;
  readonly zoos: readonly string[];
  /** All that the metanet was made for. */
  readonly architectures: readonly ArchitectureSpec[];
  /** Signatures of those that it was trained on. */
  readonly trained: readonly string[];
  readonly distribution: Distribution;
  /** Smallest and largest target of the training. */
  readonly range: readonly [number, number];
}

export interface Predictor extends Omit<Description, 'architectures' | 'schema'> {
  readonly folder: string;
  readonly architectures: readonly Architecture[];
  readonly params: NdArrays;
  readonly fixed: NdArrays;
}

/** Rows whose features say where the training networks lie. */
const MOST_ROWS = 5000;

/** Writes a trained model into the run's folder. */
export function savePredictor(
  context: RunContext,
  task: Task,
  target: string,
  model: ModelChoice,
  outcome: Outcome,
): void {
  const { rows, parts } = task;
  const values = Array.from(parts.train, (row) => task.target[row]!);
  const description: Description = {
    schema: SCHEMA,
    kind: model.kind,
    settings: model.settings,
    objective: outcome.objective,
    target,
    zoos: rows.paths,
    architectures: architecturesOf(rows).map(({ spec }) => spec),
    trained: [...new Set(Array.from(parts.train, (row) => rows.groups[rows.groupOf[row]!]!.architecture.signature))],
    distribution: distributionOf(featuresOf(rows, parts.train)),
    range: [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))],
  };
  context.writeArtifact('predictor.json', `${JSON.stringify(description)}\n`);
  saveSafetensors(context.artifact('predictor.safetensors'), outcome.arrays);
}

function featuresOf(rows: Rows, train: Int32Array): number[][] {
  const every = Math.max(1, train.length / MOST_ROWS);
  return Array.from({ length: Math.floor(train.length / every) }, (_, i) => {
    const row = train[Math.floor(i * every)]!;
    return weightFeatures(rows.groups[rows.groupOf[row]!]!.architecture, weightsOf(rows, [row]))[0]!;
  });
}

/** @throws {UsageError} when the folder isn't one of a finished training */
export function loadPredictor(folder: string): Predictor {
  const file = join(folder, 'predictor.json');
  if (!existsSync(file))
    throw new UsageError(
      `${file}: expected a trained predictor, found nothing; give the folder of a finished run of generalization-prediction:train`,
    );
  const { schema, architectures, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as Description;
  if (schema !== SCHEMA)
    throw new UsageError(`${file}: expected ${SCHEMA}, found ${schema}; train it again with this version`);
  const arrays = loadSafetensors(join(folder, 'predictor.safetensors'));
  const predictor = {
    ...rest,
    folder,
    architectures: architectures.map((spec) => defineArchitecture(spec)),
    params: withoutPrefix('params/', arrays),
    fixed: withoutPrefix('fixed/', arrays),
  };
  checkShapes(folder, predictor);
  return predictor;
}

/** A predictor of another version of the code has other parameters. */
function checkShapes(folder: string, predictor: Predictor): void {
  const { kind, params } = predictor;
  const wanted = modelOn(predictor, predictor.architectures[0]!).initialize(RandomStream.fromSeed(0));
  for (const [name, { shape }] of Object.entries(wanted)) {
    const found = params[name]?.shape;
    if (found?.join() === shape.join()) continue;
    throw new UsageError(
      `${folder}: expected ${kind}'s parameter ${name} of shape [${shape.join(', ')}], found ${found ? `[${found.join(', ')}]` : 'nothing'}; train it again with this version`,
    );
  }
}

/**
 * The metanet on networks of an architecture, also of one that it wasn't made for where that needs no further parameters.
 *
 * @throws {UsageError} where it does, or the kind takes one architecture only
 */
export function modelOn(predictor: Predictor, architecture: Architecture): Metanet {
  const { architectures } = predictor;
  const shared = shareModel(predictor, architectures);
  const known = architectures.some(({ signature }) => signature === architecture.signature);
  if (known || !shared.mixed) return shared.on(architecture);
  try {
    const model = shareModel(predictor, [...architectures, architecture]).on(architecture);
    const shapes = (own: Metanet) =>
      Object.entries(own.initialize(RandomStream.fromSeed(0)))
        .map(([name, { shape }]) => `${name}[${shape.join()}]`)
        .join(' ');
    if (shapes(model) === shapes(shared.on(architectures[0]!))) return model;
  } catch (error) {
    if (!(error instanceof MetanetError)) throw error;
  }
  throw new UsageError(
    `architecture: ${architecture.name} (${architecture.signature}) has more layers, larger kernels or other parts than the ${architectures.length} architectures that the predictor was made for; train one on a zoo with such networks`,
  );
}
