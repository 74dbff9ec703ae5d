/** @file Hand-made rules, as baselines and with their hyperparameters learned. */
import { mapValues, scalar, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { LearnedOptimizerError } from '../kinds.ts';
import type { LearnedOptimizer, OptimizerKind } from './learned-optimizer.ts';
import { beside, networksIn, perNetwork } from './per-network.ts';

/** A hyperparameter's value, and how it is learned: as its logarithm, or (for decays) as that of 1 − value. */
export interface Hyperparameter {
  readonly value: number;
  readonly form: 'log' | 'log-complement';
}

type Values = { readonly [name: string]: number };

/** An update that treats each parameter tensor on its own. */
export interface Rule {
  readonly kind: string;
  readonly source: string;
  readonly hyperparameters: { readonly [name: string]: Hyperparameter };
  /** What is remembered of a parameter, by slot. @param p shape `[N, …shape]` */
  readonly start: (p: Tensor) => Tensors;
  /**
   * @param h hyperparameters, to stand beside p @param slots from `start` @param t number of this step, from 1, to stand beside p
   * @returns the parameter and its slots
   */
  readonly step: (
    h: Tensors,
    slots: Tensors,
    p: Tensor,
    g: Tensor,
    t: Tensor,
  ) => { readonly p: Tensor; readonly slots: Tensors };
}

const valuesOf = (rule: Rule): Values => mapValues(rule.hyperparameters, ({ value }) => value);

/** The rule with hyperparameters that are settings; it has no meta-parameters. */
export const baselineKind = (rule: Rule): OptimizerKind<Values> => ({
  kind: rule.kind,
  source: rule.source,
  settings: valuesOf(rule),
  create: (_, settings) => {
    checkValues(rule.kind, rule, settings);
    return optimizerOf(rule, rule.kind, settings, false);
  },
});

/** The rule with one meta-parameter for each hyperparameter, which starts at the setting. */
export const learnableKind = (rule: Rule): OptimizerKind<Values> => {
  const kind = `learnable-${rule.kind}`;
  return {
    kind,
    source: `${rule.source}; hyperparameters learned as logarithms, as learned_optimization's Learnable${rule.kind}`,
    settings: valuesOf(rule),
    create: (_, settings) => {
      checkValues(kind, rule, settings);
      return optimizerOf(rule, kind, settings, true);
    },
  };
};

function optimizerOf(rule: Rule, kind: string, settings: Values, learnable: boolean): LearnedOptimizer {
  const names = Object.keys(rule.hyperparameters);
  const initialize = () =>
    Object.fromEntries(names.map((name) => [metaName(rule, name), scalar(toMeta(rule, name, settings[name]!))]));
  const hyper = (meta: Tensors, count: number): Tensors =>
    Object.fromEntries(
      names.map((name) => [
        name,
        learnable ? fromMeta(rule, name, perNetwork(meta[metaName(rule, name)]!, count)) : tf.scalar(settings[name]!),
      ]),
    );
  return {
    kind,
    settings,
    metaParameterCount: learnable ? names.length : 0,
    initialize: learnable ? initialize : () => ({}),
    start: (params) => {
      const slots = Object.entries(params).flatMap(([name, p]) =>
        Object.entries(rule.start(p)).map(([slot, value]) => [`${slot}.${name}`, value] as const),
      );
      return Object.fromEntries(slots);
    },
    update: (meta, state, params, grads, { step }) => {
      const values = hyper(meta, networksIn(params));
      const next: Record<string, Tensor> = {};
      const moved = mapValues(params, (p, name) => {
        const slots = slotsOf(state, name);
        const h = mapValues(values, (value) => (value.rank === 0 ? value : beside(value, p)));
        const made = rule.step(h, slots, p, grads[name]!, beside(tf.add(step, 1), p));
        for (const [slot, value] of Object.entries(made.slots)) next[`${slot}.${name}`] = value;
        return made.p;
      });
      return { params: moved, state: mapValues(state, (_, key) => next[key]!) };
    },
  };
}

/** Slots have no '.' in their names; parameters may. */
const slotsOf = (state: Tensors, name: string): Tensors =>
  Object.fromEntries(
    Object.entries(state)
      .filter(([key]) => key.slice(key.indexOf('.') + 1) === name)
      .map(([key, value]) => [key.slice(0, key.indexOf('.')), value]),
  );

const metaName = ({ hyperparameters }: Rule, name: string): string =>
  hyperparameters[name]!.form === 'log' ? `log ${name}` : `log(1-${name})`;
const toMeta = ({ hyperparameters }: Rule, name: string, value: number): number =>
  Math.log(hyperparameters[name]!.form === 'log' ? value : 1 - value);
const fromMeta = ({ hyperparameters }: Rule, name: string, meta: Tensor): Tensor =>
  hyperparameters[name]!.form === 'log' ? tf.exp(meta) : tf.sub(1, tf.exp(meta));

function checkValues(kind: string, rule: Rule, settings: Values): void {
  for (const [name, { form }] of Object.entries(rule.hyperparameters)) {
    const value = settings[name]!;
    const fits = form === 'log' ? value > 0 && value < Infinity : value >= 0 && value < 1;
    if (fits) continue;
    const range = form === 'log' ? 'a finite number above 0' : 'in [0, 1)';
    throw new LearnedOptimizerError(kind, `${name} must be ${range}, got ${value}`);
  }
}
