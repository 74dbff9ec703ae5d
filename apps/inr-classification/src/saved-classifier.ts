/** @file A trained classifier on disk: `classifier.json`, its arrays, and a standalone ONNX model. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { defineArchitecture } from '@weightspace/architecture';
import type { Architecture, ArchitectureSpec } from '@weightspace/architecture';
import { exportOnnx, loadSafetensors, RandomStream, saveSafetensors, withoutPrefix } from '@weightspace/compute';
import type { NdArrays, Tensors } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import type { RunContext } from '@weightspace/experiment';
import { createMetanet } from '@weightspace/metanet';
import type { Metanet, Settings } from '@weightspace/metanet';

import { weightsOf } from './zoo-data.ts';
import type { ZooData } from './zoo-data.ts';

const SCHEMA = 'weightspace-classifier/1';

interface Description {
  readonly schema: typeof SCHEMA;
  readonly kind: string;
  readonly settings: Settings;
  readonly architecture: ArchitectureSpec;
  readonly classes: readonly string[];
  readonly recipe: unknown;
}

export interface Classifier {
  readonly model: Metanet;
  readonly params: NdArrays;
  readonly fixed: NdArrays;
  readonly classes: readonly string[];
  readonly architecture: Architecture;
}

/** Writes a trained model into the run's folder. */
export function saveClassifier(
  context: RunContext,
  data: ZooData,
  { kind, settings }: { readonly kind: string; readonly settings: Settings },
  arrays: NdArrays,
): void {
  const description: Description = {
    schema: SCHEMA,
    kind,
    settings,
    architecture: data.architecture.spec,
    classes: data.classes,
    recipe: data.recipe,
  };
  context.writeArtifact('classifier.json', `${JSON.stringify(description, null, 2)}\n`);
  saveSafetensors(context.artifact('classifier.safetensors'), arrays);
  const model = createMetanet(kind, data.architecture, data.classes.length, settings);
  const apply = (params: Tensors, fixed: Tensors, weights: Tensors) => model.apply(params, fixed, weights);
  const one = weightsOf(data, [data.test[0]!]);
  context.writeArtifact(
    'classifier.onnx',
    exportOnnx(
      apply as never,
      [withoutPrefix('params/', arrays), withoutPrefix('fixed/', arrays), one] as never,
      'classifier',
    ),
  );
}

/** @throws {UsageError} when the folder isn't one of a finished training */
export function loadClassifier(folder: string): Classifier {
  const file = join(folder, 'classifier.json');
  if (!existsSync(file))
    throw new UsageError(
      `${file}: expected a trained classifier, found nothing; give the folder of a finished run of inr-classification:train`,
    );
  const { schema, kind, settings, architecture: spec, classes } = JSON.parse(readFileSync(file, 'utf8')) as Description;
  if (schema !== SCHEMA)
    throw new UsageError(`${file}: expected ${SCHEMA}, found ${schema}; train it again with this version`);
  const architecture = defineArchitecture(spec);
  const arrays = loadSafetensors(join(folder, 'classifier.safetensors'));
  const model = createMetanet(kind, architecture, classes.length, settings);
  checkShapes(folder, model, withoutPrefix('params/', arrays));
  return {
    model,
    params: withoutPrefix('params/', arrays),
    fixed: withoutPrefix('fixed/', arrays),
    classes,
    architecture,
  };
}

/** A classifier of another version of the code has other parameters. */
function checkShapes(folder: string, model: Metanet, params: NdArrays): void {
  const wanted = model.initialize(RandomStream.fromSeed(0));
  for (const [name, { shape }] of Object.entries(wanted)) {
    const found = params[name]?.shape;
    if (found?.join() !== shape.join()) {
      throw new UsageError(
        `${folder}: expected ${model.kind}'s parameter ${name} of shape [${shape.join(', ')}], found ${found ? `[${found.join(', ')}]` : 'nothing'}; train it again with this version`,
      );
    }
  }
}

/** @throws {UsageError} when the networks aren't of the classifier's architecture */
export function checkArchitecture({ architecture }: Classifier, path: string, found: Architecture): void {
  const wanted = architecture.parameters.map((p) => `${p.name}[${p.shape.join(',')}]`).join(' ');
  const given = found.parameters.map((p) => `${p.name}[${p.shape.join(',')}]`).join(' ');
  if (wanted !== given || architecture.signature !== found.signature) {
    throw new UsageError(
      `${path}: expected networks ${architecture.signature}, found ${found.signature}; train a classifier on such networks`,
    );
  }
}
