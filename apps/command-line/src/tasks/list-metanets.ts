/** @file What `weightspace metanets` lists. */
import { mlp } from '@weightspace/architecture';
import { createMetanet, metanetKinds } from '@weightspace/metanet';
import type { MetanetKind } from '@weightspace/metanet';

/** One registered metanet, as `--json` prints it. */
export interface MetanetEntry {
  readonly kind: string;
  readonly family: string;
  readonly source: string;
  readonly symmetry: string;
  /** Kinds of input networks that it takes. */
  readonly inputs: readonly string[];
  /** The same by family. */
  readonly takes: MetanetKind['takes'];
  /** Whether it also gives a change of every parameter, and whether one batch may mix architectures. */
  readonly edits: boolean;
  readonly mixes: boolean;
  /** Every setting with its default. */
  readonly settings: MetanetKind['settings'];
  /** Under the published setting: parameters here and in the public code. */
  readonly published?: {
    readonly settings: MetanetKind['settings'];
    readonly networks: string;
    readonly parameters: number;
    readonly publishedParameters: number;
    readonly departs: string;
  };
}

/** Every registered metanet; the counts are taken from models that are made for it, not from a table. */
export const metanetEntries = (): MetanetEntry[] => metanetKinds().map(entryOf);

function entryOf(kind: MetanetKind): MetanetEntry {
  const { family, source, symmetry, inputs, takes, settings, published } = kind;
  const abilities = { takes, edits: kind.edit !== undefined, mixes: kind.mix !== undefined };
  const entry = { kind: kind.kind, family, source, symmetry, inputs, ...abilities, settings };
  if (published === undefined) return entry;
  const architecture = mlp({ sizes: published.sizes });
  const chosen = published.settings as MetanetKind['settings'];
  const { parameterCount } = createMetanet(kind.kind, architecture, published.outputs, chosen);
  return {
    ...entry,
    published: {
      settings: chosen,
      networks: `MLP ${published.sizes.join('-')}, ${published.outputs} outputs`,
      parameters: parameterCount,
      publishedParameters: published.parameterCount,
      departs: published.departs,
    },
  };
}

export const metanetText = (): string => metanetEntries().map(textOf).join('\n\n');

const number = (value: number): string => value.toLocaleString('en');

function textOf({ kind, family, source, symmetry, inputs, edits, mixes, settings, published }: MetanetEntry): string {
  const lines = [
    `${kind} (${family})`,
    `  source      ${source}`,
    `  symmetry    ${symmetry}`,
    `  inputs      ${inputs.join(', ')}${mixes ? '; several architectures in one batch' : ''}`,
    `  gives       numbers per network${edits ? ', or a change of every parameter' : ''}`,
    `  settings    ${Object.entries(settings)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(' ')}`,
  ];
  if (published)
    lines.push(
      `  published   ${number(published.parameters)} parameters here, ${number(published.publishedParameters)} in the public code (${published.networks}): ${published.departs}`,
    );
  return lines.join('\n');
}
