/** @file What the networks learn: to add two numbers while their digits come in. */
import { ndarray, RandomStream } from '@weightspace/compute';
import type { Examples, Task, TrainData } from '@weightspace/zoo';

/** Digits, and the end of the question. */
export const tokens = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '='] as const;
const END = tokens.indexOf('=');

export interface AdditionInput {
  readonly seed: number;
  /** Of each number; smaller numbers begin with zeros. */
  readonly digits: number;
  /** Questions in each part; no question is in two of them. */
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  /** Of the training questions, those on which training's own accuracy is measured. */
  readonly probe: number;
}

/** How a worker finds `additionData`. @throws {RangeError} when there aren't as many questions */
export function additionTask(input: AdditionInput): Task {
  checkAddition(input);
  return { module: import.meta.url, name: 'additionData', input };
}

/**
 * Questions a + b, one digit in a step from the ones on: a₀ b₀ a₁ b₁ … =. The answer at each step is a digit of what has come
 * in so far: after aᵢ that of aᵢ and the carry, after bᵢ that of the sum, after '=' the last carry.
 *
 * Source: Zhou, Finn, Harrison 2024, "Universal Neural Functionals", arXiv:2402.05232, section 4.1: "Tiny RNN Zoo".
 * Departs: they have questions such as `15+20=` and an encoder whose state a decoder writes the answer from; here the digits
 * of both numbers take turns, and each step has an answer, so that one network without feedback does it.
 * @returns inputs `[n, steps]` of token numbers with one channel, labels `[n, steps]`
 */
export function additionData(input: AdditionInput): TrainData {
  checkAddition(input);
  const { seed, digits, train, validation, test, probe } = input;
  const stream = RandomStream.fromSeed(seed).split('addition');
  const known = new Set<string>();
  const part = (count: number) => examplesOf(questions(stream, digits, count, known), digits);
  const [ofTest, ofValidation, questionsOfTrain] = [
    part(test),
    validation === 0 ? undefined : part(validation),
    questions(stream, digits, train, known),
  ];
  return {
    train: examplesOf(questionsOfTrain, digits),
    ...(probe < train ? { trainProbe: examplesOf(questionsOfTrain.slice(0, probe), digits) } : {}),
    ...(ofValidation ? { validation: ofValidation } : {}),
    test: ofTest,
  };
}

function checkAddition({ digits, train, validation, test, probe }: AdditionInput): void {
  if (digits < 1 || train < 1 || test < 1 || probe < 1 || probe > train) {
    throw new RangeError(
      `additionData: digits and questions for training, testing and probing must be 1 or more, and no more for probing than for training, got ${digits} and ${train}, ${test} and ${probe}`,
    );
  }
  const all = 10 ** (2 * digits);
  if (train + validation + test > all / 2) {
    throw new RangeError(
      `additionData: at most half of the ${all} questions with ${digits} digits can be drawn, asked for ${train} + ${validation} + ${test}`,
    );
  }
}

/** Digits in the order in which they come in: questions that aren't known yet. */
function questions(stream: RandomStream, digits: number, count: number, known: Set<string>): Uint8Array[] {
  const drawn: Uint8Array[] = [];
  while (drawn.length < count) {
    const question = Uint8Array.from({ length: 2 * digits }, () => stream.integer(10));
    const key = question.join('');
    if (known.has(key)) continue;
    known.add(key);
    drawn.push(question);
  }
  return drawn;
}

function examplesOf(all: readonly Uint8Array[], digits: number): Examples {
  const steps = 2 * digits + 1;
  const inputs = new Int32Array(all.length * steps);
  const labels = new Int32Array(all.length * steps);
  all.forEach((question, i) => {
    let sum = 0;
    question.forEach((digit, step) => {
      // Before an a there is what the last column carries.
      sum = step % 2 === 0 ? Math.floor(sum / 10) + digit : sum + digit;
      inputs[i * steps + step] = digit;
      labels[i * steps + step] = sum % 10;
    });
    inputs[(i + 1) * steps - 1] = END;
    labels[(i + 1) * steps - 1] = Math.floor(sum / 10);
  });
  return { inputs: ndarray(inputs, [all.length, steps, 1]), labels: ndarray(labels, [all.length, steps]) };
}
