/** @file Texts for language models, shipped with the lib. */
import { fileURLToPath } from 'node:url';

import { readChecked } from './checked-file.ts';

export interface Text {
  readonly name: string;
  /** UTF-8. */
  readonly bytes: Uint8Array;
  /** Where it comes from and why it may be used, for records. */
  readonly source: string;
}

interface ShippedText {
  readonly file: string;
  readonly sha256: string;
  readonly source: string;
}

const texts: { readonly [name: string]: ShippedText } = {
  opticks: {
    file: 'opticks.txt',
    sha256: 'd26a08c2074a27955353843137f2dec3f7594bbfbc628362bb9b853a1bfaea1b',
    source:
      'Isaac Newton (died 1727), Opticks, 4th edition, London 1730, the First Book: in the public domain everywhere',
  },
};

export const textNames = (): string[] => Object.keys(texts);

/**
 * A text by name, checked against its checksum.
 *
 * @throws {RangeError} when there is no such text
 * @throws {DatasetError} when its file is missing or changed
 */
export function loadText(name: string): Text {
  const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
  if (!text) throw new RangeError(`loadText: name must be one of ${textNames().join(', ')}, got '${name}'`);
  const file = fileURLToPath(new URL(`../texts/${text.file}`, import.meta.url));
  return { name, bytes: readChecked(file, text.sha256), source: text.source };
}
