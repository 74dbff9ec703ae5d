/** @file Tensors into a file whose ending says its format. */
import { extname } from 'node:path';

import { writeNpz, writeOnnx, writeSafetensors } from '@weightspace/checkpoint';
import type { WritableTensor } from '@weightspace/checkpoint';

import { UsageError } from '../exit.ts';

const FORMATS = ['.safetensors', '.npz', '.onnx'];

/** @throws {UsageError} on an ending that says none */
export function checkEnding(out: string): void {
  if (FORMATS.includes(extname(out))) return;
  throw new UsageError(`${out}: its name must end with one of ${FORMATS.join(', ')}`);
}

/** @param like an ONNX file whose graph an ONNX output keeps */
export function writeTensors(out: string, tensors: readonly WritableTensor[], like?: string): void {
  const ending = extname(out);
  if (ending === '.npz') writeNpz(out, tensors);
  else if (ending === '.onnx') writeOnnx(out, tensors, like === undefined ? {} : { like });
  else writeSafetensors(out, tensors);
}
