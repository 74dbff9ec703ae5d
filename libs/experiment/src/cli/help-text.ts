/** @file The part of --help that teaches: every setting, and commands to copy. */
import type { Experiment } from '../experiment.ts';
import { flattenPaths, isObject } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import { show } from '../config/values.ts';
import { schemaOf } from './settings.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { configurationLayer } from '../config/layers.ts';

export function helpText(experiment: Experiment, command: string): string {
  const sections = [settings(experiment), variants(experiment), examples(experiment, command), exits];
  return sections.filter((text) => text !== '').join('\n\n');
}

function settings(experiment: Experiment): string {
  const schema = schemaOf(experiment);
  const defaults = flattenPaths(resolveConfig(schema, []));
  const configured = Object.entries(experiment.configurations ?? {}).map(
    ([name, values]) =>
      [name, flattenPaths(resolveConfig(schema, [configurationLayer(name, values as JsonObject)]))] as const,
  );
  const width = Math.max(...Object.keys(defaults).map((path) => path.length));
  const rows = Object.entries(defaults).map(([path, value]) => {
    const others = configured
      .filter(([, config]) => config[path] !== undefined && show(config[path]) !== show(value))
      .map(([name, config]) => `${name}: ${show(config[path])}`);
    const notes = [
      show(value),
      others.length > 0 ? `(${others.join(', ')})` : '',
      rule(experiment, path),
      experiment.descriptions?.[path] ?? '',
    ];
    return `  ${path.padEnd(width)}  ${notes.filter(Boolean).join('  ')}`;
  });
  return `Settings (--set key=value) and their defaults:\n${rows.join('\n')}`;
}

function rule(experiment: Experiment, path: string): string {
  const found = experiment.rules?.[path];
  if (found === undefined) return '';
  if (Array.isArray(found)) return `one of ${(found as readonly Json[]).map(show).join(', ')}`;
  const { min, max } = found as { min?: number; max?: number };
  return [min === undefined ? '' : `≥ ${min}`, max === undefined ? '' : `≤ ${max}`].filter(Boolean).join(' ');
}

function variants(experiment: Experiment): string {
  return Object.entries(experiment.variants ?? {})
    .map(([selector, table]) => {
      const width = Math.max(...Object.keys(table).map((kind) => kind.length));
      const rows = Object.entries(table).map(([kind, own]) => {
        const list = Object.entries(flattenPaths(own)).map(
          ([key, value]) => `${key}=${isObject(value) ? '{}' : show(value)}`,
        );
        return `  ${kind.padEnd(width)}  ${list.join(' ')}`;
      });
      return `Settings that come with ${selector}:\n${rows.join('\n')}`;
    })
    .join('\n\n');
}

function examples(experiment: Experiment, command: string): string {
  const paths = Object.entries(flattenPaths(experiment.config));
  const [path, value] = paths.find(([name, inner]) => typeof inner === 'number' && inner !== 0 && name !== 'seed') ?? [
    'seed',
    1,
  ];
  const change = typeof value === 'number' ? value * 2 || 1 : value;
  const last = Object.keys(experiment.configurations ?? {}).at(-1);
  const lines = [
    [`${command} --set ${path}=${show(change)} --seed 3 --summary out.json`, 'another setting and seed'],
    last === undefined ? undefined : [`${command} --configuration ${last}`, 'other defaults'],
    [`${command} --config runs/<run>/config.json`, 'the settings of an earlier run'],
    [`${command} --resume`, 'the same command again after a kill or Ctrl-C'],
  ].filter((line) => line !== undefined);
  const width = Math.max(...lines.map(([text]) => text!.length));
  return `Examples:\n${lines.map(([text, why]) => `  ${text!.padEnd(width)}  # ${why}`).join('\n')}`;
}

const exits = 'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).';
