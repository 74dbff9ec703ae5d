/** @file What a certificate says. */

export type CertificateKind = 'equivariance' | 'invariance' | 'batch independence' | 'function preservation';

/** One output tensor, at its worst over all elements (or companies). */
export interface TensorReport {
  readonly name: string;
  /** Largest |actual − expected| as a share of `scale`; NaN or infinite values make it infinite. */
  readonly error: number;
  /** Largest |f(x)| of this tensor. */
  readonly scale: number;
  /** How much the tensor changes, as a share of `scale`, when the input changes at random: what a constant hasn't. */
  readonly variation: number;
  readonly passed: boolean;
  /** Where the error is largest. */
  readonly worst: {
    /** Number of the element, in the order in which they were given. */
    readonly element: number;
    /** What it was compared with, in words. */
    readonly what: string;
    readonly index: readonly number[];
    readonly actual: number;
    readonly expected: number;
  };
}

export interface CertificateReport {
  readonly kind: CertificateKind;
  readonly name: string;
  readonly passed: boolean;
  /** The largest error of all tensors. */
  readonly error: number;
  readonly tolerance: number;
  /** How many elements (or companies) were tried. */
  readonly elements: number;
  readonly tensors: readonly TensorReport[];
}

/** The map doesn't have the symmetry; `report` says where. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly report: CertificateReport;

  constructor(report: CertificateReport) {
    super(describe(report));
    this.report = report;
  }
}

/** The check could not have failed, so that it says nothing. */
export class VacuousError extends Error {
  override readonly name = 'VacuousError';

  constructor(certificate: string, message: string) {
    super(`${certificate}: vacuous: ${message}`);
  }
}

export const worstTensor = ({ tensors }: CertificateReport): TensorReport =>
  tensors.reduce((worst, tensor) => (tensor.error > worst.error ? tensor : worst));

const show = (x: number): string => (Number.isFinite(x) && x !== 0 ? x.toPrecision(3) : String(x));

/** One sentence: the verdict, and the worst tensor, index and element. */
export function describe(report: CertificateReport): string {
  const { kind, name, passed, error, tolerance, elements, tensors } = report;
  const worst = worstTensor(report);
  const { element, what, index, actual, expected } = worst.worst;
  const verdict = passed ? `has ${kind}` : `breaks ${kind}`;
  const broken = tensors.filter((tensor) => !tensor.passed).map((tensor) => `'${tensor.name}'`);
  const list = broken.length === 0 ? '' : `; broken: ${broken.join(', ')} of ${tensors.length}`;
  return (
    `${name} ${verdict}: relative error ${error.toExponential(1)}, allowed ${tolerance}, over ${elements} tries; worst in ` +
    `'${worst.name}' at [${index.join(', ')}], try ${element} (${what}): got ${show(actual)}, expected ${show(expected)}, ` +
    `scale ${show(worst.scale)}${list}`
  );
}
