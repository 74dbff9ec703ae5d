/** @file The optimizers that come with the lib; a new one is a file and a line here. */
import { adafacMlpLopt } from './adafac-mlp-lopt.ts';
import { adafactor } from './adafactor.ts';
import { adam, adamW } from './adam.ts';
import { momentum, sgd } from './gradient-descent.ts';
import { registerOptimizer } from './learned-optimizer.ts';
import { mlpLopt } from './mlp-lopt.ts';
import { baselineKind, learnableKind } from './rule.ts';

for (const rule of [sgd, momentum, adam, adamW, adafactor]) {
  registerOptimizer(baselineKind(rule));
  registerOptimizer(learnableKind(rule));
}
registerOptimizer(mlpLopt);
registerOptimizer(adafacMlpLopt);
