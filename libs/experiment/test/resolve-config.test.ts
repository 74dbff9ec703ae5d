import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import {
  ConfigError,
  configDiff,
  configurationLayer,
  fileLayer,
  resolveConfig,
  setLayer,
} from '@weightspace/experiment';
import type { ConfigSchema } from '@weightspace/experiment';

import { temporaryFolder } from './support.ts';

const schema: ConfigSchema = {
  defaults: {
    seed: 0,
    epochs: 20,
    rate: 1e-3,
    zoo: 'mnist',
    note: null,
    shuffle: true,
    widths: [8, 16],
    tags: ['a'],
    extra: {},
    model: { kind: 'nfn', norm: 'layer', width: 96 },
    optimizer: { name: 'adam', weightDecay: 0 },
  },
  variants: {
    'model.kind': {
      nfn: { width: 64, probes: 0, head: { kind: 'pool' } },
      stat: { depth: 3, head: { kind: 'plain' } },
    },
  },
  rules: { epochs: { integer: true, min: 1, max: 500 }, 'optimizer.name': ['adam', 'sgd'] },
};
const set = (...sets: string[]) => resolveConfig(schema, [setLayer(sets)]) as never as Record<string, never>;

describe('resolveConfig', () => {
  test('puts the default variant in, with what the defaults change of it', () => {
    expect(set()['model']).toEqual({ kind: 'nfn', norm: 'layer', width: 96, probes: 0, head: { kind: 'pool' } });
  });
  test('takes layers in order and leaves the defaults alone', () => {
    const layers = [configurationLayer('quick', { epochs: 5, rate: 0.5 }), setLayer(['epochs=7'])];
    expect(resolveConfig(schema, layers)).toMatchObject({ epochs: 7, rate: 0.5 });
    expect(schema.defaults['epochs']).toBe(20);
  });
  test('freezes all of it', () => {
    const config = set() as never as { model: { head: { kind: string } } };
    expect(() => (config.model.head.kind = 'x')).toThrow(TypeError);
  });
  test('reads each type from text', () => {
    const config = set('zoo=5', 'shuffle=false', 'widths=[3]', 'tags=b,c', 'rate=2', 'note={"a":1}', 'extra.x=y');
    expect(config).toMatchObject({
      zoo: '5',
      shuffle: false,
      widths: [3],
      tags: ['b', 'c'],
      rate: 2,
      note: { a: 1 },
      extra: { x: 'y' },
    });
  });
  test.each(['tags=b,c', 'tags=[b,c]', 'tags=[b, c]', 'tags=["b","c"]'])(
    'takes --set %s, with quotes or without',
    (text) => {
      expect(set(text)['tags']).toEqual(['b', 'c']);
    },
  );
  test('takes names for lists that begin empty, and refuses lists of lists without quotes', () => {
    const own = (text: string) =>
      resolveConfig({ defaults: { seed: 0, files: [] } }, [setLayer([`files=${text}`])])['files'];
    expect(own('[runs/a,runs/b]')).toEqual(['runs/a', 'runs/b']);
    expect(own('[]')).toEqual([]);
    expect(() => own('[[a],[b]]')).toThrow('write a list as JSON');
  });
  test('sets several members of a group by JSON', () => {
    expect(set('optimizer={"name":"sgd","weightDecay":0.1}')['optimizer']).toEqual({ name: 'sgd', weightDecay: 0.1 });
  });
  test('checks a chosen variant against its own settings, in any order of --set', () => {
    const wanted = { kind: 'stat', norm: 'layer', depth: 5, head: { kind: 'plain' } };
    expect(set('model.depth=5', 'model.kind=stat')['model']).toEqual(wanted);
    expect(set('model.kind=stat', 'model.depth=5')['model']).toEqual(wanted);
  });
  test('drops what an earlier layer set for another variant, and keeps what all variants share', () => {
    const layers = [configurationLayer('quick', { model: { width: 8, norm: 'batch' } }), setLayer(['model.kind=stat'])];
    expect(resolveConfig(schema, layers)['model']).toEqual({
      kind: 'stat',
      norm: 'batch',
      depth: 3,
      head: { kind: 'plain' },
    });
  });
  test.each([
    ['epohcs=3', '--set epohcs=3: no setting "epohcs", did you mean "epochs"?; known: seed, epochs, rate, zoo, note'],
    [
      'optimizer.nmae=sgd',
      'no setting "optimizer.nmae", did you mean "optimizer.name"?; known under "optimizer": name, weightDecay',
    ],
    ['weightDecay=0.1', 'no setting "weightDecay", did you mean "optimizer.weightDecay"?'],
    ['model.depth=5', '"model.depth" belongs to model.kind=stat, and model.kind is "nfn"'],
    ['zzz=1', '--set zzz=1: no setting "zzz"; known: seed'],
    ['__proto__.x=1', 'no setting "__proto__"'],
    ['epochs=many', '--set epochs=many: "epochs" is a number (default 20), got "many"'],
    ['epochs="3"', '"epochs" is a number (default 20), got "3"'],
    ['epochs=null', '"epochs" is a number (default 20), got null'],
    ['epochs=1e999', '"epochs" must be a finite number, got Infinity'],
    ['epochs=2.5', '"epochs" must be a whole number, at least 1, at most 500, got 2.5'],
    ['epochs=0', '"epochs" must be a whole number, at least 1, at most 500, got 0'],
    ['shuffle=yes', '"shuffle" is a boolean (default true), got "yes"'],
    ['widths=3,4', '"widths" is a list (default [8,16]), got "3,4"; write a list as JSON, e.g. [1,2]'],
    ['widths=["x"]', '"widths[0]" is a number (default list [8,16]), got "x"'],
    ['optimizer.name=adan', '"optimizer.name" must be one of "adam", "sgd", got "adan"; did you mean "adam"?'],
    ['optimizer=3', '"optimizer" is a group of settings, got "3"; set one of optimizer.name, optimizer.weightDecay'],
    ['rate.x=3', '--set rate.x=3: "rate" is a number (default 0.001) and has no "x"'],
    ['model.kind=stats', '"model.kind" must be one of nfn, stat, got "stats"; did you mean "stat"?'],
    ['epochs', '--set epochs: write it as --set key=value, e.g. --set epochs=20'],
    ['a..b=3', '--set a..b=3: write it as --set key=value'],
  ])('refuses --set %s', (text, message) => {
    expect(() => set(text)).toThrow(ConfigError);
    expect(() => set(text)).toThrow(message);
  });
  test('names the configuration or the file that a wrong setting stands in', () => {
    expect(() => resolveConfig(schema, [configurationLayer('full', { epoch: 3 })])).toThrow(
      'configuration full: no setting "epoch", did you mean "epochs"?',
    );
    const file = join(temporaryFolder(), 'c.json');
    writeFileSync(file, '{ "epochs": "3" }');
    expect(() => resolveConfig(schema, [fileLayer(file)])).toThrow(
      `--config ${file}: "epochs" is a number (default 20), got "3"`,
    );
  });
  test('says what is wrong with a settings file', () => {
    const file = join(temporaryFolder(), 'c.json');
    expect(() => fileLayer(file)).toThrow(/--config .*c\.json: the file can't be read \(ENOENT/);
    writeFileSync(file, '{"epochs": 3');
    expect(() => fileLayer(file)).toThrow("c.json: the file isn't JSON");
    writeFileSync(file, '[3]');
    expect(() => fileLayer(file)).toThrow('the file must hold a JSON object of settings, got [3]');
  });
  test('refuses variants whose default kind is unknown', () => {
    const broken = { defaults: { kind: 'c' }, variants: { kind: { a: {}, b: {} } } };
    expect(() => resolveConfig(broken, [])).toThrow('defineExperiment: "kind" must be one of a, b, got "c"');
    expect(() => resolveConfig({ defaults: { a: 1 }, variants: { kind: {} } }, [])).toThrow(
      'variants must be keyed by a text setting of the config, got "kind"',
    );
  });
});

describe('configDiff', () => {
  test('lists each setting that differs', () => {
    expect(configDiff({ a: 1, b: { c: [1], d: 2 } }, { b: { d: 3, c: [1] }, e: 'x' })).toEqual([
      'a: 1 there, not set here',
      'b.d: 2 there, 3 here',
      'e: not set there, "x" here',
    ]);
  });
});
