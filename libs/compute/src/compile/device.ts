/** @file Where functions run: a setting, never an import. */
import { availableParallelism } from 'node:os';

import { tf } from '../tf.ts';

/** `cpu`, `cuda` and `webgpu` compile and run in ONNX Runtime; `tensorflow` and `eager` run op by op on a tfjs backend. */
export type Device = 'cpu' | 'cuda' | 'webgpu' | 'tensorflow' | 'eager';
export const devices: readonly Device[] = ['cpu', 'cuda', 'webgpu', 'tensorflow', 'eager'];

export interface DeviceSettings {
  readonly device: Device;
  /** Threads within one operation; 1 in a worker that shares the machine with others. */
  readonly threads: number;
}

export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}

let current: DeviceSettings = { device: 'cpu', threads: availableParallelism() };

/** @param fn what is called, for the message */
export function checkDevice(fn: string, { device, threads }: DeviceSettings): void {
  if (!devices.includes(device))
    throw new DeviceError(`${fn}: device must be one of ${devices.join(', ')}, got ${String(device)}`);
  if (!(Number.isInteger(threads) && threads > 0))
    throw new DeviceError(`${fn}: threads must be a positive whole number, got ${threads}`);
}

/** Sets what `compile` uses from now on, where a call doesn't say otherwise. */
export function setDevice(settings: Partial<DeviceSettings>): void {
  const wanted = { ...current, ...settings };
  checkDevice('setDevice', wanted);
  current = wanted;
}

export const deviceSettings = (): DeviceSettings => current;

/** The tfjs backend of an eager device; loads tfjs-node where the user has installed it. */
export async function eagerBackend(device: Device): Promise<string> {
  if (device === 'eager') return 'cpu';
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      await import(name);
      if (tf.findBackend('tensorflow')) return 'tensorflow';
    } catch {
      // Not installed, or without its native library: the next one may be there.
    }
  }
  throw new DeviceError(
    "device 'tensorflow' needs the package @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node, and neither loads here; " +
      "install one of them (Node 20 or 22), or use device 'cpu'",
  );
}
