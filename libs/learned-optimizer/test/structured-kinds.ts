/** @file Optimizers that see the structure of networks, in the order of their registration. */
const families = ['deep-sets-lopt', 'nfn-lopt', 'unf-lopt', 'ng-gnn-lopt', 'gmn-lopt', 'ng-t-lopt'];

export const hybridKinds = families.map((kind) => `mlp-${kind}`);
export const structuredKinds = [...families, ...hybridKinds];
