export { mnistSirens } from './mnist-sirens.ts';
