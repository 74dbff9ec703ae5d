/** @file What `weightspace graph` writes. */
import { drawGraph, parameterGraph, pictureToPng, writeGraph, writePicture } from '@weightspace/parameter-graph';
import type { GraphFormat } from '@weightspace/parameter-graph';

import { openNetwork } from './open-network.ts';
import type { NetworkOptions } from './open-network.ts';

export interface GraphRequest extends NetworkOptions {
  readonly style: string;
  readonly published: boolean;
  readonly layers?: string;
  readonly lines: number;
  readonly title?: string;
  readonly outputs: readonly { readonly format: 'svg' | 'png' | GraphFormat; readonly out: string }[];
}

/** @returns one line for each file, and what the picture leaves out */
export async function writeGraphFiles(file: string, request: GraphRequest): Promise<string> {
  const opened = await openNetwork(file, request);
  const graph = parameterGraph(opened.network, opened.params, {
    style: request.style,
    exact: !request.published,
  });
  const { layers, lines, title, outputs } = request;
  const written: string[] = [];
  for (const { format, out } of outputs) {
    if (format !== 'svg' && format !== 'png') {
      writeGraph(graph, out, format);
      written.push(`${out}: ${graph.nodeCount} nodes, ${graph.values.length} edges`);
      continue;
    }
    const picture = drawGraph(graph, {
      mostLines: lines,
      ...(title !== undefined && { title }),
      ...(layers !== undefined && { layers: layers.split(',').map((name) => name.trim()) }),
    });
    writePicture(out, format === 'svg' ? picture.svg : await pictureToPng(picture));
    written.push(`${out}: ${picture.width} × ${picture.height}. ${picture.caption}`);
  }
  opened.checkpoint.close();
  return written.join('\n');
}
