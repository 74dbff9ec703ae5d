/** @file What a plot is, and how it becomes SVG and PNG. */
import { fontOptions } from './fonts.ts';

/** A plot as SVG text; the functions of this folder make them. */
export interface Plot {
  readonly svg: string;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * Draws a plot as PNG.
 *
 * @param scale pixels of the PNG per pixel of the plot
 */
export async function plotToPng(plot: Plot, scale = 2): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js');
  const fitTo = { mode: 'zoom', value: scale } as const;
  return new Resvg(plot.svg, { fitTo, background: 'white', font: await fontOptions() }).render().asPng();
}
