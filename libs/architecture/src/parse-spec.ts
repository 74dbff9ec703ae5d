/** @file From JSON to a description with every default filled in; what isn't understood is refused. */
import { parseActivation } from './activations/activation.ts';
import './activations/activations.ts';
import { ArchitectureError } from './architecture-error.ts';
import { architectureSchema } from './architecture.ts';
import type { ArchitectureSpec, InputSpec } from './architecture.ts';
import { finite, flag, identifier, knownKeys, list, record, text, wholeNumber, wholeNumbers } from './checks.ts';
import './layers/index.ts';
import { layerKind } from './layers/layer-kind.ts';
import type { LayerSpec, TiedParameter } from './layers/layer-kind.ts';

const fn = 'defineArchitecture';

/** @throws {ArchitectureError} naming the place, what is expected there and what was found */
export function parseSpec(json: unknown): ArchitectureSpec {
  const given = record('the architecture', json);
  if (given['schema'] !== architectureSchema) {
    const remedy = 'this version reads no other schema';
    throw new ArchitectureError(fn, 'schema', `"${architectureSchema}"`, given['schema'], remedy);
  }
  knownKeys('the architecture', given, ['schema', 'name', 'inputs', 'layers', 'output', 'outputOffset']);
  const layers = list('layers', given['layers']).map(parseLayer);
  const names = new Set<string>();
  layers.forEach(({ name }, i) => {
    if (names.has(name)) {
      throw new ArchitectureError(fn, `layers[${i}].name`, 'a name that no other layer has', name);
    }
    names.add(name);
  });
  return {
    schema: architectureSchema,
    name: text('name', given['name']),
    inputs: list('inputs', given['inputs']).map(parseInput),
    layers,
    output: identifier('output', given['output']),
    outputOffset: finite('outputOffset', given['outputOffset'] ?? 0),
  };
}

function parseInput(item: unknown, i: number): InputSpec {
  const place = `inputs[${i}]`;
  const input = record(place, item);
  knownKeys(place, input, ['name', 'size', 'positions', 'indices']);
  const { positions = [], indices } = input;
  const size = wholeNumber(`${place}.size`, indices === undefined ? input['size'] : (input['size'] ?? 1));
  if (indices !== undefined && size !== 1) {
    throw new ArchitectureError(fn, `${place}.size`, '1 where the values are indices', size);
  }
  const sizes = wholeNumbers(`${place}.positions`, positions);
  return {
    name: identifier(`${place}.name`, input['name']),
    size,
    ...(sizes.length > 0 && { positions: sizes }),
    ...(indices !== undefined && { indices: wholeNumber(`${place}.indices`, indices) }),
  };
}

function parseLayer(item: unknown, i: number): LayerSpec {
  const place = `layers[${i}]`;
  const given = record(place, item);
  const kind = layerKind(text(`${place}.kind`, given['kind']), `${place}.kind`);
  const name = identifier(`${place}.name`, given['name']);
  const settings = kind.settings(given, place);
  knownKeys(place, given, ['name', 'kind', 'inputs', 'output', 'activation', 'tied', ...Object.keys(settings)]);
  const tied = parseTied(given['tied'], `${place}.tied`);
  return {
    name,
    kind: kind.kind,
    inputs: list(`${place}.inputs`, given['inputs']).map((input, j) => identifier(`${place}.inputs[${j}]`, input)),
    output: identifier(`${place}.output`, given['output'] ?? name),
    ...settings,
    activation: parseActivation(given['activation'] ?? 'identity', `${place}.activation`),
    ...(tied && { tied }),
  };
}

function parseTied(value: unknown, place: string): { [parameter: string]: TiedParameter } | undefined {
  if (value === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(record(place, value)).map(([name, item]) => {
      const at = `${place}.${name}`;
      const given = typeof item === 'string' ? { parameter: item } : record(at, item);
      knownKeys(at, given, ['parameter', 'transposed']);
      const { parameter, transposed = false } = given as { parameter: unknown; transposed?: unknown };
      return [
        name,
        { parameter: text(`${at}.parameter`, parameter), transposed: flag(`${at}.transposed`, transposed) },
      ];
    }),
  );
}
