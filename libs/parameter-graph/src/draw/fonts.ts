/** @file Fonts for the text in PNGs: resvg draws none, without a word, where it finds no font. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

export interface FontOptions {
  readonly loadSystemFonts: boolean;
  readonly fontFiles: string[];
  readonly defaultFontFamily: string;
  readonly sansSerifFamily: string;
}

/** Family by the beginning of a file's name, the best first. */
const FAMILIES: readonly (readonly [string, string])[] = [
  ['DejaVuSans', 'DejaVu Sans'],
  ['Verdana', 'Verdana'],
  ['LiberationSans', 'Liberation Sans'],
  ['NotoSans-', 'Noto Sans'],
  ['Arial', 'Arial'],
  ['Helvetica', 'Helvetica'],
];
const STYLES = /^[a-z]+(?:-(?:regular|bold|r|b))?(?:bd)?\.(?:ttf|otf|ttc)$/i;
const FOLDERS = [
  '/usr/share/fonts',
  '/usr/local/share/fonts',
  '/System/Library/Fonts',
  '/Library/Fonts',
  'C:\\Windows\\Fonts',
];

let found: FontOptions | undefined;

/** Font files of the first family that is installed. Looked for once; reading all the system's fonts takes much longer. */
export const fontOptions = (): FontOptions =>
  (found ??= chooseFonts([...FOLDERS, join(homedir(), '.fonts'), join(homedir(), '.local/share/fonts')]));

/** Exported for tests. */
export function chooseFonts(folders: readonly string[]): FontOptions {
  for (const folder of folders) {
    const files = fontFilesIn(folder);
    for (const [start, family] of FAMILIES) {
      const fitting = files.filter((file) => basename(file).startsWith(start) && STYLES.test(basename(file)));
      if (fitting.length > 0) {
        return { loadSystemFonts: false, fontFiles: fitting, defaultFontFamily: family, sansSerifFamily: family };
      }
    }
  }
  return { loadSystemFonts: true, fontFiles: [], defaultFontFamily: 'sans-serif', sansSerifFamily: 'sans-serif' };
}

function fontFilesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ttf|otf|ttc)$/i.test(name))
    .sort()
    .map((name) => join(folder, name));
}
