/** @file One look for all pictures of graphs. */
import type { NodeKind } from '../parameter-graph.ts';

/** What is asked for in SVG; a browser takes the first one that it has. */
export const FONT_FAMILY = 'DejaVu Sans, Verdana, system-ui, sans-serif';
export const INK = '#222222';
export const FAINT = '#6b7280';
export const HAIRLINE = '#c9ced6';

/**
 * Colours that stay apart for people who confuse some.
 *
 * Source: Okabe and Ito 2008, "Color Universal Design". Departs: nothing.
 */
export const POSITIVE = '#0072b2';
export const NEGATIVE = '#d55e00';
export const CONNECTION = '#8b93a1';

export const NODE_COLORS: { readonly [K in NodeKind]: string } = {
  input: '#ffffff',
  neuron: '#e3e7ee',
  output: '#ffffff',
  token: '#f6efc9',
  position: '#f6efc9',
  head: '#ffffff',
  bias: '#222222',
  scale: '#009e73',
  shift: '#cc79a7',
  mean: '#e69f00',
  variance: '#56b4e9',
  constant: '#6b7280',
};

/** Kinds of nodes that stand apart from the neurons: the edges of parameters with one axis come from them. */
export const APART: readonly NodeKind[] = ['bias', 'scale', 'shift', 'mean', 'variance', 'constant'];

export const NODE_NAMES: { readonly [K in NodeKind]?: string } = {
  bias: 'bias',
  scale: 'norm scale',
  shift: 'norm shift',
  mean: 'running mean',
  variance: 'running variance',
  constant: 'constant',
  token: 'table entry',
  position: 'table entry',
};
