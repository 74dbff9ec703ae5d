import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';

import { openCheckpoint } from '@weightspace/checkpoint';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';

import { errorOf, fixture } from './checkpoint-fixtures.ts';
import { file, temporary } from './temporary.ts';

const opening = (path: string, options = {}) => errorOf(() => openCheckpoint(path, options));

/** A .npy of zeros. */
function npy(descr: string, shape: string, bytes: number): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117) + '\n';
  return Buffer.concat([Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}`, 'latin1'), Buffer.alloc(bytes)]);
}

/** A zip of PyTorch around a pickle. */
const torch = (pickle: string, storages: { [key: string]: Uint8Array } = {}): Uint8Array =>
  zipSync(
    {
      'a/data.pkl': Buffer.from(pickle, 'latin1'),
      ...Object.fromEntries(Object.entries(storages).map(([key, bytes]) => [`a/data/${key}`, bytes])),
    },
    { level: 0 },
  );

/** Pickles one view on storage 0 of four float32: offset, then shape and strides of 64 bits each. */
function view(offset: number, shape: readonly number[], strides: readonly number[]): string {
  const integer = (value: number) => `L${value}L\n`;
  const tuple = (values: readonly number[]) => `(${values.map(integer).join('')}t`;
  const id = `(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\n${integer(4)}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${id}${integer(offset)}${tuple(shape)}${tuple(strides)}\x89NtR.`;
}
const four = { 0: new Uint8Array(16) };

describe('a pickle', () => {
  test.each(['evil.pt', 'evil-legacy.pt', 'evil-0.pkl', 'evil-2.pkl', 'evil-4.pkl'])(
    'that would run a command is refused with its name: %s',
    async (name) => {
      const error = await opening(fixture(name));
      expect(error.found).toBe('the blocked global posix.system');
      expect(error.message).toMatch(/nothing of it was executed. If you trust the file, load it in Python/);
      expect(error.offset).toBeGreaterThanOrEqual(0);
      expect(readFileSync(fixture(name)).subarray(error.offset).toString('latin1')).toMatch(/^(c|\x93)/);
      expect(existsSync('executed')).toBe(false);
    },
  );

  test('of a whole module is refused with the name of its class', async () => {
    const error = await opening(fixture('module.pt'));
    expect(error.found).toBe('the blocked global torch.nn.modules.container.Sequential');
    expect(error.at).toBe("entry 'module/data.pkl'");
  });

  test.each(['cyclic.pt', 'cyclic-legacy.pt'])('that contains itself is refused: %s', async (name) => {
    const error = await opening(fixture(name));
    expect(error).toMatchObject({ expected: 'containers that end', found: 'one that contains itself' });
    expect(error.at).toMatch(/'self\.0'$/);
  });

  test('cannot reach a prototype', async () => {
    const checkpoint = await openCheckpoint(
      file('proto.pt', torch('}(V__proto__\n}Vpolluted\nI1\nsVconstructor\n}Vprototype\n}Vpolluted\nI1\nssu.')),
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.entries(checkpoint.metadata)).toEqual([
      ['__proto__.polluted', '1'],
      ['constructor.prototype.polluted', '1'],
    ]);
    expect(Object.getPrototypeOf(checkpoint.metadata)).toBe(Object.prototype);
  });

  test.each([
    ['beyond its storage', view(2, [3], [1]), 'a view within its 4 elements', 'one of (3) up to 5'],
    ['of absurd size', view(0, [2 ** 40, 2 ** 40], [0, 0]), 'a shape with a stride for each axis', /1099511627776/],
    ['with a negative stride', view(3, [4], [-1]), 'a shape with a stride for each axis', '(4) with (-1)'],
    ['with a negative offset', view(-1, [1], [1]), 'a shape with a stride for each axis', '(1) with (1)'],
    [
      'that repeats too often',
      view(0, [2 ** 30], [0]),
      /grows by at most 268435456 bytes/,
      'one that grows from 4 to 4294967296',
    ],
  ])('with a view %s is refused', async (_, pickle, expected, found) => {
    const error = await opening(file('view.pt', torch(pickle, four)));
    expect(error.expected).toMatch(expected);
    expect(error.found).toMatch(found);
  });

  test('with a storage that is not there, or too short, is refused', async () => {
    const absent = await opening(file('absent.pt', torch(view(0, [4], [1]))));
    expect(absent).toMatchObject({ expected: 'an entry data/0 for a storage', found: 'none' });
    const short = await opening(file('short.pt', torch(view(0, [4], [1]), { 0: new Uint8Array(15) })));
    expect(short).toMatchObject({ at: "entry 'a/data/0'", expected: '16 bytes in storage 0', found: '15' });
  });

  test.each([
    ['extension code', '\x82\x01.', 'one, which stands for a global'],
    ['call of a text', 'Vposix\n(tR.', 'the string posix'],
    ['global of two texts', '\x80\x04Vposix\nVsystem\n\x93.', 'the blocked global posix.system'],
    ['instance', '(iposix\nsystem\n.', 'the blocked global posix.system'],
    ['call of what is only a name', 'cbuiltins\nlist\n(tR.', 'one of builtins.list'],
    ['mark without an end', '(((((', '0 before the end'],
    ['length below zero', 'B\xff\xff\xff\xff.', '1 before the end'],
    ['remembered value that was not', 'h\x07.', 'none as number 7'],
    ['item for a list', ']V a\nV b\ns.', 'a list or tuple of 0'],
  ])('with a bad %s is refused', async (_, pickle, found) => {
    const error = await opening(file('bad.pt', torch(pickle)));
    expect(error.found).toBe(found);
    expect(error.at).toBe("entry 'a/data.pkl'");
    expect(error.offset).toBeGreaterThan(30);
  });

  test('of endless lists is refused before it fills the memory', async () => {
    const error = await opening(file('lists.pt', torch(`${']'.repeat(3_000_001)}.`)));
    expect(error).toMatchObject({ expected: 'a pickle of at most 3000000 lists and dictionaries', found: 'more' });
  });

  test('of deeply nested lists is refused', async () => {
    const error = await opening(file('deep.pt', torch(`${']'.repeat(1000)}${'a'.repeat(999)}.`)));
    expect(error).toMatchObject({ expected: 'at most 64 containers in each other', found: 'more' });
  });
});

describe('a zip', () => {
  const zeros = npy('<f4', '4194304,', 2 ** 24);

  test('that inflates beyond the limit is refused, and read when that is raised', async () => {
    const bomb = file('bomb.npz', zipSync({ 'x.npy': zeros }));
    const low = await openCheckpoint(bomb, { expansionLimit: 2 ** 20 });
    expect(low.tensor('x').shape).toEqual([4194304]);
    const error = await errorOf(() => low.tensor('x').bytes());
    expect(error.message).toMatch(
      /bomb\.npz at entry 'x\.npy', byte \d+: expected an entry that grows by at most 1048576 bytes/,
    );
    expect(error.remedy).toBe('if you trust the file, raise expansionLimit');
    expect((await openCheckpoint(bomb)).tensor('x').bytes().length).toBe(2 ** 24);
  });

  test('that says less than it inflates to is refused', async () => {
    const bytes = zipSync({ 'x.npy': zeros });
    const shorter = npy('<f4', '4,', 16);
    const directory = Buffer.from(bytes).lastIndexOf('PK\x01\x02', undefined, 'latin1');
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(directory + 24, shorter.length, true);
    const error = await errorOf(async () => (await openCheckpoint(file('liar.npz', bytes))).tensor('x').read());
    expect(error.at).toBe("entry 'x.npy'");
  });

  test('with a flipped byte in its data is refused by the checksum', async () => {
    const bytes = zipSync({ 'x.npy': npy('<f4', '4,', 16) }, { level: 0 });
    const at = Buffer.from(bytes).indexOf('PK\x01\x02', undefined, 'latin1') - 3;
    bytes[at]! ^= 1;
    const error = await errorOf(async () => (await openCheckpoint(file('flipped.npz', bytes))).tensor('x').read());
    expect(error.expected).toMatch(/^data with the checksum \d+$/);
  });

  test('of something else is refused with what is in it', async () => {
    const error = await opening(file('other.pt', zipSync({ 'readme.txt': Buffer.from('x') })));
    expect(error.found).toBe('a zip of 1 entries such as readme.txt');
    expect((await opening(file('empty.npz', zipSync({})))).found).toBe('a zip of 0 entries');
  });
});

describe('NumPy', () => {
  test.each([
    ['unicode.npy', "text in Unicode ('<U7')"],
    ['objects.npy', "Python objects, which are a pickle ('|O')"],
    ['records.npy', 'an array of records with fields'],
  ])('%s is refused with what it holds', async (name, found) => {
    const error = await opening(fixture(name));
    expect(error).toMatchObject({ expected: 'an array of numbers', found });
    expect(error.remedy).toBe('convert it with astype to a kind of number, and save it again');
  });

  test.each([
    ['4096, 4096, 4096', 16, '274877906944 bytes of data (float32 (4096, 4096, 4096))', '16'],
    ['99999999999999999999,', 16, 'a shape of whole numbers', '(100000000000000000000)'],
    ['3,', 16, '12 bytes of data (float32 (3))', '16'],
  ])('a shape of %s with %i bytes is refused', async (shape, bytes, expected, found) => {
    const error = await opening(file('shape.npy', npy('<f4', shape, bytes)));
    expect(error).toMatchObject({ expected, found });
  });
});

describe('files beside the file', () => {
  test.each(['outside.onnx', 'absolute.onnx'])('are refused when they are elsewhere: %s', async (name) => {
    const error = await opening(fixture(name));
    expect(error.expected).toMatch(/^the name of a file within .*fixtures$/);
  });

  const model = (path: unknown) =>
    JSON.stringify({
      modelTopology: {},
      weightsManifest: [{ paths: [path], weights: [{ name: 'x', shape: [2], dtype: 'bool' }] }],
    });

  test.each(['../secret.bin', '/etc/hostname', 'http://host/x.bin', 'a/../../secret.bin', '', 7, 'a\0b'])(
    'a shard called %j is refused',
    async (path) => {
      expect((await opening(file('model.json', model(path)))).expected).toMatch(/^the name of a file within /);
    },
  );

  test('a link that leads out is refused', async () => {
    mkdirSync(temporary('inner'));
    file('secret.bin', 'no');
    symlinkSync(temporary('secret.bin'), temporary('inner/shard.bin'));
    const error = await opening(file('inner/model.json', model('shard.bin')));
    expect(error.found).toBe('shard.bin, a link that leads out of it');
  });

  test('a shard that is missing, too long or too short is refused', async () => {
    expect((await opening(file('model.json', model('gone.bin')))).found).toMatch(/ENOENT/);
    file('shard.bin', 'abc');
    expect((await opening(file('model.json', model('shard.bin')))).message).toMatch(
      /expected 2 bytes in the shards, as the manifest says, found 3/,
    );
    file('shard.bin', 'a');
    expect((await opening(file('model.json', model('shard.bin')))).message).toMatch(
      /weight 'x': expected 2 bytes in the shards up to its end, found 1/,
    );
  });
});

describe('openCheckpoint refuses', () => {
  test.each([
    ['GGUF\x03\0\0\0', 'GGUF, which is not read'],
    ['\x1f\x8b\x08', 'a gzip file: unpack it first'],
    ['hello', '5 bytes that begin with 68656c6c6f'],
  ])('%j', async (contents, found) => {
    const error = await opening(file('unknown', Buffer.from(contents, 'latin1')));
    expect(error).toMatchObject({ offset: 0, expected: 'a checkpoint of a known format', found });
  });

  test('an empty file, a folder, and a file that is not there', async () => {
    expect((await opening(file('empty', ''))).found).toBe('an empty file');
    mkdirSync(temporary('folder'));
    expect((await opening(temporary('folder'))).found).toBe('a folder');
    const error = await opening(temporary('absent'));
    expect(error.message).toMatch(
      /absent: expected a readable file, found ENOENT: .*; check the path and its permissions$/,
    );
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
  });

  test('JSON that is no model, or nested beyond sense', async () => {
    expect((await opening(file('a.json', '{"a": 1}'))).found).toBe('JSON without one');
    const deep = await opening(file('b.json', `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`));
    expect(deep.found).toBe('deeper JSON');
  });

  test('HDF5 whose groups contain themselves', async () => {
    const error = await opening(fixture('cyclic.h5'));
    expect(error).toMatchObject({ file: fixture('cyclic.h5'), expected: 'at most 32 groups in each other' });
  });

  test('a safetensors header of empty lists', async () => {
    const header = Buffer.from(`{"a":[${'[],'.repeat(5000)}[]]}`);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const error = await opening(file('lists.safetensors', Buffer.concat([length, header])));
    expect(error.message).toMatch(/byte 8: expected a header that lists tensors, found 5003 brackets in 15010 bytes/);
  });

  test('to read from a file that changed, and from a closed one', async () => {
    const path = file('changing.npy', npy('<f4', '4,', 16));
    const checkpoint = await openCheckpoint(path);
    file('changing.npy', npy('<f4', '8,', 32));
    const changed = await errorOf(() => checkpoint.tensor('changing').read());
    expect(changed).toMatchObject({ found: 'that it changed', remedy: 'open it again' });
    const keras = await openCheckpoint(fixture('v3.keras'));
    keras.close();
    expect((await errorOf(() => keras.tensors[0]!.read())).found).toBe('one that was closed');
  });
});
