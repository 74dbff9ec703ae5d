/** @file ONNX: initializers and constants by range, without reading the model as a whole. */
import type { CheckpointContents } from '../checkpoint.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { ModelScan } from '../onnx/model-scan.ts';

/**
 * Named as the graph names them: an initializer by its own name, a Constant by its node's output. Data kept in other
 * files is read from the model's own folder only.
 */
export function readOnnxCheckpoint(source: ByteSource, expansionLimit: number): CheckpointContents {
  const scan = new ModelScan(source, expansionLimit);
  scan.run();
  return { format: 'onnx', tensors: scan.tensors, skipped: scan.skipped, metadata: scan.metadata.toRecord() };
}
