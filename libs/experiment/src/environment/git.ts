/** @file Which code a run ran. */
import { execFileSync } from 'node:child_process';

export interface GitState {
  readonly hash: string;
  /** Tracked files differ from the commit. */
  readonly dirty: boolean;
}

/** The commit that a folder is at; undefined outside a repository, or without git. */
export function gitState(folder = process.cwd()): GitState | undefined {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 });
  try {
    const hash = git('rev-parse', 'HEAD').trim();
    return { hash, dirty: git('status', '--porcelain', '--untracked-files=no').trim() !== '' };
  } catch {
    return undefined;
  }
}

/** The hash, with `-dirty` where files differ from it, as `git describe` writes it; null when there is none. */
export const commitText = (state: GitState | undefined): string | null =>
  state === undefined ? null : `${state.hash}${state.dirty ? '-dirty' : ''}`;
