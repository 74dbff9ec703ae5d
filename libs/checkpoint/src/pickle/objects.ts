/** @file Objects in pickles that are no tensors: settings of experiments, as inert values. */
import { PickleObject } from './pickle.ts';
import type { PickleValue } from './pickle.ts';

/** An object of a class that isn't known: its class's name, and what the pickle says of it. Nothing of it is run. */
export class PickleInstance extends PickleObject {
  readonly path: string;
  readonly args: readonly PickleValue[];
  /** What the pickle would set its fields to. */
  state: PickleValue = null;

  constructor(path: string, args: readonly PickleValue[]) {
    super();
    this.path = path;
    this.args = args;
  }
}

/** Classes that settings are made of: OmegaConf's (Hydra), paths, and types. */
const SETTINGS =
  /^(omegaconf\.(dictconfig\.DictConfig|listconfig\.ListConfig|base\.(Container)?Metadata|nodes\.[A-Za-z]+Node)|pathlib\.(Pure)?(Posix|Windows)?Path|types\.GenericAlias|_?operator\.getitem)$/;
/** Names that may stand among them. */
const TYPES = /^typing\.(Any|Union|Optional|Dict|List|Tuple)$/;

export const isSettingsClass = (path: string): boolean => SETTINGS.test(path);
export const isTypeName = (path: string): boolean => TYPES.test(path);

/**
 * What an object says, as plain containers and scalars: OmegaConf's nodes as what they hold, a path as text, any other object
 * as its fields.
 *
 * @returns undefined where it says nothing
 */
export function plainOf({ path, args, state }: PickleInstance): PickleValue | undefined {
  if (path.startsWith('pathlib.'))
    return args.every((part) => typeof part === 'string') ? args.join('/').replace(/^\/\//, '/') : undefined;
  if (!(state instanceof Map)) return undefined;
  if (path.startsWith('omegaconf.nodes.')) return state.get('_val');
  if (/^omegaconf\.(dict|list)config\./.test(path)) return state.get('_content');
  return path.startsWith('omegaconf.') ? undefined : state;
}
