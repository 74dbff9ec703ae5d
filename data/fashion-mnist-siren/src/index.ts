export { fashionMnistSirens } from './fashion-mnist-sirens.ts';
