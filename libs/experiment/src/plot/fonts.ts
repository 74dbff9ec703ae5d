/** @file Fonts for the text in PNGs: resvg draws none, without a word, where it finds no font. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is asked for in SVG; a browser takes the first one that it has. */
export const FONT_FAMILY = 'DejaVu Sans, Verdana, system-ui, sans-serif';

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
  ['OpenSans', 'Open Sans'],
  ['Roboto', 'Roboto'],
  ['Ubuntu', 'Ubuntu'],
  ['FreeSans', 'FreeSans'],
  ['segoeui', 'Segoe UI'],
];
const STYLES = /^(?:[a-z]+)(?:-(?:regular|bold|r|b))?(?:bd)?\.(?:ttf|otf|ttc)$/i;

let found: Promise<FontOptions> | undefined;

/** Font files for resvg: those of the package dejavu-fonts-ttf where it is installed, else the system's. Looked for once. */
export const fontOptions = (): Promise<FontOptions> => (found ??= Promise.resolve(chooseFonts(fontFolders())));

/** Exported for tests. */
export function chooseFonts(folders: readonly string[]): FontOptions {
  for (const folder of folders) {
    const files = fontFilesIn(folder);
    for (const [start, family] of FAMILIES) {
      const fitting = files.filter((file) => basename(file).startsWith(start) && STYLES.test(basename(file)));
      if (fitting.length > 0) return options(fitting, family, false);
    }
  }
  return options([], 'sans-serif', true);
}

const options = (fontFiles: string[], family: string, loadSystemFonts: boolean): FontOptions => ({
  loadSystemFonts,
  fontFiles,
  defaultFontFamily: family,
  sansSerifFamily: family,
});

function fontFolders(): string[] {
  const folders: string[] = [];
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    folders.push(join(at, 'node_modules', 'dejavu-fonts-ttf', 'ttf'));
  }
  const home = homedir();
  return [
    ...folders,
    '/usr/share/fonts',
    '/usr/local/share/fonts',
    join(home, '.fonts'),
    join(home, '.local/share/fonts'),
    '/System/Library/Fonts',
    '/Library/Fonts',
    'C:\\Windows\\Fonts',
  ].filter((folder) => existsSync(folder));
}

function fontFilesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ttf|otf|ttc)$/i.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

let visible: Promise<boolean> | undefined;

/** Whether text shows in PNGs: a letter is drawn once to see. */
export const textIsVisible = (): Promise<boolean> => (visible ??= drawsText());

async function drawsText(): Promise<boolean> {
  const { Resvg } = await import('@resvg/resvg-js');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30"><text x="4" y="24" font-size="24" font-family="${FONT_FAMILY}">M</text></svg>`;
  const { pixels } = new Resvg(svg, { font: await fontOptions() }).render();
  return pixels.some((value) => value > 0);
}
