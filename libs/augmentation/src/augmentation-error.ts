/** An augmentation can't be applied to this architecture, or doesn't exist with this name or strength. */
export class AugmentationError extends RangeError {
  override readonly name = 'AugmentationError';
  readonly fn: string;

  constructor(fn: string, message: string) {
    super(`${fn}: ${message}`);
    this.fn = fn;
  }
}
