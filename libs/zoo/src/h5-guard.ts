/** @file Calls of HDF5 whose complaints become errors, and whose memory has an end. */
import type h5wasm from 'h5wasm/node';

import { ZooError } from './zoo-error.ts';

type Module = Awaited<typeof h5wasm.ready>;

/** HDF5 believes what a damaged file says of sizes; its memory may not grow beyond this. */
const HEAP_LIMIT = 2 ** 29;
const DAMAGED = 'the file is damaged: get it anew';

/** What HDF5 has written to the standard error output during the present call; undefined outside of one. */
let complaints: string[] | undefined;

interface FileSystem {
  write(stream: { readonly fd: number }, bytes: Uint8Array, offset: number, length: number, at?: number): number;
}

/**
 * HDF5 tells of errors on the standard error output, and goes on with nothing. It could be made to throw, but then what
 * it had opened would stay open, and the file with it; so what it writes is listened to.
 */
function listen(fs: FileSystem): void {
  if (listening.has(fs)) return;
  listening.add(fs);
  const write = fs.write.bind(fs);
  fs.write = (stream, bytes, offset, length, at) => {
    if (stream.fd !== 2 || complaints === undefined) return write(stream, bytes, offset, length, at);
    complaints.push(Buffer.from(bytes.subarray(offset, offset + length)).toString());
    return length;
  };
}
const listening = new WeakSet<FileSystem>();

/** @returns what undoes it. A refusal to grow is to HDF5 what a full memory is: it tells of it, and goes on. */
function limitMemory(): () => void {
  const { prototype } = wasm.WebAssembly.Memory;
  const grow = prototype.grow;
  prototype.grow = function (this: WasmMemory, pages: number): number {
    if (this.buffer.byteLength + pages * WASM_PAGE > HEAP_LIMIT) throw new RangeError('more memory than HDF5 may take');
    return grow.call(this, pages);
  };
  return () => {
    prototype.grow = grow;
  };
}
const WASM_PAGE = 2 ** 16;

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
/** Node has it, but TypeScript knows it only among what browsers have. */
const wasm = globalThis as unknown as { WebAssembly: { Memory: { prototype: WasmMemory } } };

/** Turns HDF5's complaints, and failures of WebAssembly itself, into errors with the place. */
export function guarded<T>(module: Module, file: string, at: string | undefined, act: () => T): T {
  listen(module.FS as unknown as FileSystem);
  const [outer, heard] = [complaints, [] as string[]];
  complaints = heard;
  // WebAssembly itself warns there too, of names that are no UTF-8 and of memory that it doesn't get.
  const print = process.stderr.write;
  process.stderr.write = (text: string | Uint8Array) => heard.push(String(text)) > 0;
  const unlimited = limitMemory();
  try {
    const result = act();
    if (heard.length === 0) return result;
    // The innermost function stands last, with what went wrong behind its name.
    const causes = [...heard.join('').matchAll(/in \w+\(\): ([^\n]*)/g)];
    throw problem(file, at, 'whole HDF5', causes.at(-1)?.[1] ?? heard.join(' ').trim().slice(0, 120));
  } catch (cause) {
    if (cause instanceof ZooError) throw cause;
    throw problem(file, at, 'whole HDF5', String(cause).slice(0, 120), DAMAGED, cause);
  } finally {
    unlimited();
    process.stderr.write = print;
    complaints = outer;
  }
}

export const problem = (
  file: string,
  at: string | undefined,
  expected: string,
  found: string,
  remedy = DAMAGED,
  cause?: unknown,
): ZooError =>
  new ZooError('openH5', { file, ...(at === undefined ? {} : { at }), expected, found, remedy }, { cause });
