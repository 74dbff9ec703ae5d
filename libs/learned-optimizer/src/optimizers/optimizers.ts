/** @file The optimizers that come with the lib; a new one is a file and a line here. */
import { adafacMlpLopt } from './adafac-mlp-lopt.ts';
import { adafactor } from './adafactor.ts';
import { adam, adamW } from './adam.ts';
import { deepSetsMap } from '../structured/deep-sets-map.ts';
import { gmnMap } from '../structured/gmn-map.ts';
import { hybridMap } from '../structured/hybrid-map.ts';
import { nfnMap } from '../structured/nfn-map.ts';
import { ngGnnMap } from '../structured/ng-gnn-map.ts';
import { ngTMap } from '../structured/ng-t-map.ts';
import { structuredKind } from '../structured/structured-optimizer.ts';
import { unfMap } from '../structured/unf-map.ts';
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
const structured = [deepSetsMap, nfnMap, unfMap, ngGnnMap, gmnMap];
for (const family of structured) registerOptimizer(structuredKind(family));
registerOptimizer(structuredKind(ngTMap));
for (const family of structured) registerOptimizer(structuredKind(hybridMap(family)));
registerOptimizer(structuredKind(hybridMap(ngTMap)));
