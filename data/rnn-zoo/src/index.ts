export { additionData, additionTask, tokens } from './addition.ts';
export type { AdditionInput } from './addition.ts';
export { drawRnn, ranges, recurrent, rnnZoo } from './rnn-zoo.ts';
export type { RnnSettings } from './rnn-zoo.ts';
