/** @file How many channels ONNX Runtime's convolutions on blocked images take at once on this machine. */
import { Builder } from '../trace/build.ts';
import { Graph } from '../trace/graph.ts';
import { writeOnnx } from '../trace/onnx-writer.ts';
import { BLOCKED } from '../trace/rectified.ts';
import { allocate, SENTINEL, Session } from './session.ts';

let found: Promise<number> | undefined;

/** @returns 8 or 16; 0 where the processor, or this version of ONNX Runtime, has no such convolutions */
export const channelBlock = (): Promise<number> => (found ??= measure());

/** Two pixels with the channels 0 to 15 and 16 to 31: behind the block of the first stands the second pixel. */
async function measure(): Promise<number> {
  const shape = [1, 16, 1, 2];
  const graph = new Graph();
  const x = graph.input('in.x', shape, 'float32');
  const y = new Builder(graph).graph.add(
    'ReorderInput',
    [x],
    { shape, type: 'float32' },
    { channels_last: 0 },
    BLOCKED,
  );
  const values = Float32Array.from({ length: 32 }, (_, i) => (i % 2) * 16 + (i >> 1));
  const written = allocate({ name: 'out.y', shape, dtype: 'float32' });
  const traced = {
    inputs: [{ path: 'x', value: x }],
    outputs: [{ path: 'y', value: y }],
    result: undefined,
    nodes: graph.live([y]),
    digest: '',
  };
  try {
    const { bytes } = writeOnnx(traced, 'channel-block', { sentinel: SENTINEL });
    const session = await Session.load('channel-block', bytes, { device: 'cpu', threads: 1 });
    await session.run(new Map([['in.x', { dtype: 'float32', shape, data: values }]]), new Map([['out.y', written]]));
    await session.release();
  } catch {
    return 0;
  }
  const second = written.data.indexOf(16);
  return second === 8 || second === 16 ? second : 0;
}
