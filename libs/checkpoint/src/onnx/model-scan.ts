/** @file Walks an ONNX model's graphs for everything that holds numbers, by field numbers of onnx.proto. */
import type { SkippedItem } from '../checkpoint.ts';
import { show } from '../checkpoint-error.ts';
import type { ByteSource } from '../io/byte-source.ts';
import { Cursor } from '../io/cursor.ts';
import { MetadataTable } from '../names.ts';
import { CheckpointTensor } from '../tensor.ts';
import { readTensorHead, tensorFromHead, textOf } from './tensor-proto.ts';
import type { TensorProtoHead } from './tensor-proto.ts';
import { eachField } from './wire.ts';
import type { WireField } from './wire.ts';

const MODEL = {
  irVersion: 1,
  producer: 2,
  producerVersion: 3,
  domain: 4,
  modelVersion: 5,
  graph: 7,
  opset: 8,
  metadata: 14,
};
const GRAPH = { node: 1, initializer: 5, input: 11, sparse: 15 };
const NODE = { output: 2, name: 3, opType: 4, attribute: 5 };
const ATTRIBUTE = {
  name: 1,
  float: 2,
  integer: 3,
  tensor: 5,
  graph: 6,
  floats: 7,
  integers: 8,
  tensors: 10,
  graphs: 11,
  sparse: 22,
};
const { tensor, tensors, graph, graphs, sparse, float, integer, floats, integers } = ATTRIBUTE;
/** What may hold a tensor; the plain numbers of other attributes aren't parameters. */
const MESSAGES = new Set([tensor, tensors, graph, graphs, sparse]);
const NUMBERS = new Set([float, integer, floats, integers]);
const DEPTH_LIMIT = 32;
const TENSOR_LIMIT = 1e6;
/** Of nodes, inputs, outputs and attributes together. */
const PART_LIMIT = 3e6;
const LIST_LIMIT = 2 ** 16;

/** Collects initializers and the values of Constant nodes, also those in the branches of If and the bodies of Loop. */
export class ModelScan {
  readonly tensors: CheckpointTensor[] = [];
  readonly skipped: SkippedItem[] = [];
  readonly metadata = new MetadataTable();
  readonly #source: ByteSource;
  readonly #expansionLimit: number;
  /** Names of values in all graphs so far. */
  readonly #seen = new Set<string>();
  #graphs = 0;
  #parts = 0;

  constructor(source: ByteSource, expansionLimit: number) {
    this.#source = source;
    this.#expansionLimit = expansionLimit;
  }

  /** @throws {CheckpointError} when the file is no ONNX model, or damaged */
  run(): void {
    const { irVersion, producer, producerVersion, domain, modelVersion, graph, opset, metadata } = MODEL;
    eachField(new Cursor(this.#source), (field) => {
      const { number, value } = field;
      if (number === irVersion) this.metadata.add(['ir_version'], value);
      else if (number === modelVersion) this.metadata.add(['model_version'], value);
      else if (number === producer) this.metadata.add(['producer_name'], textOf(this.#source, field));
      else if (number === producerVersion) this.metadata.add(['producer_version'], textOf(this.#source, field));
      else if (number === domain) this.metadata.add(['domain'], textOf(this.#source, field));
      else if (number === graph) this.#graph(this.#message(field), undefined, 0);
      else if (number === opset) this.#opset(this.#message(field));
      else if (number === metadata) this.#property(this.#message(field));
    });
    if (this.#graphs === 0)
      this.#source.fail({ offset: 0, expected: 'an ONNX model with a graph', found: 'a message without one' });
  }

  /** A message inside; its reads can't leave it. */
  #message({ wire, begin, end, number }: WireField): Cursor {
    if (wire !== 2)
      this.#source.fail({ offset: begin, expected: `a message in field ${number}`, found: `a value of kind ${wire}` });
    return new Cursor(this.#source, begin, end);
  }

  #countPart(cursor: Cursor): void {
    if (++this.#parts > PART_LIMIT)
      cursor.fail({ expected: `at most ${PART_LIMIT} nodes, inputs, outputs and attributes`, found: 'more' });
  }

  #opset(cursor: Cursor): void {
    let [domain, version] = ['', 0n];
    eachField(cursor, (field) => {
      if (field.number === 1) domain = textOf(this.#source, field);
      if (field.number === 2) version = field.value;
    });
    this.metadata.add(['opset', domain === '' ? 'ai.onnx' : domain], version);
  }

  #property(cursor: Cursor): void {
    let [key, value] = ['', ''];
    eachField(cursor, (field) => {
      if (field.number === 1) key = textOf(this.#source, field);
      if (field.number === 2) value = textOf(this.#source, field);
    });
    this.metadata.add([key], value);
  }

  /** @param prefix of names that the graphs outside have already: the output of the node that holds this one */
  #graph(cursor: Cursor, prefix: string | undefined, depth: number): void {
    this.#graphs++;
    if (depth > DEPTH_LIMIT) cursor.fail({ expected: `at most ${DEPTH_LIMIT} graphs in each other`, found: 'more' });
    const [nodes, initializers]: [NodeHead[], WireField[]] = [[], []];
    const own: string[] = [];
    eachField(cursor, (field) => {
      const { number } = field;
      this.#countPart(cursor);
      if (number === GRAPH.node) nodes.push(this.#nodeHead(this.#message(field)));
      else if (number === GRAPH.initializer) initializers.push(field);
      else if (number === GRAPH.input) own.push(this.#nameField(field, 1));
      else if (number === GRAPH.sparse) this.skipped.push({ name: 'sparse_initializer', reason: 'a sparse tensor' });
    });
    const heads = initializers.map((field) => readTensorHead(this.#source, field));
    own.push(...heads.map(({ name }) => name), ...nodes.flatMap(({ outputs }) => outputs));
    const nameOf = this.#distinguish(own, prefix);
    for (const node of nodes) {
      const name = nameOf(node.outputs[0] ?? node.name);
      for (const attribute of node.attributes) this.#attribute(attribute, name, node.isConstant, depth);
    }
    for (const head of heads) this.#add(head, nameOf(head.name), 'initializer');
  }

  /** A name of an inner graph that another graph has too gets the prefix, until it is the only one. */
  #distinguish(own: readonly string[], prefix: string | undefined): (name: string) => string {
    const renamed = new Map<string, string>();
    for (const name of own) {
      if (renamed.has(name)) continue;
      let free = name;
      while (prefix !== undefined && this.#seen.has(free)) free = `${prefix}.${free}`;
      renamed.set(name, free);
    }
    for (const name of renamed.values()) this.#seen.add(name);
    return (name) => renamed.get(name) ?? name;
  }

  #nameField({ begin, end }: WireField, number: number): string {
    let name = '';
    eachField(new Cursor(this.#source, begin, end), (field) => {
      if (field.number === number) name = textOf(this.#source, field);
    });
    return name;
  }

  #nodeHead(cursor: Cursor): NodeHead {
    const [attributes, outputs]: [Cursor[], string[]] = [[], []];
    let [name, type] = ['', ''];
    eachField(cursor, (field) => {
      const { number } = field;
      this.#countPart(cursor);
      if (number === NODE.attribute) attributes.push(this.#message(field));
      else if (number === NODE.output) outputs.push(textOf(this.#source, field));
      else if (number === NODE.name) name = textOf(this.#source, field);
      else if (number === NODE.opType) type = textOf(this.#source, field);
    });
    return { name, outputs: outputs.filter((output) => output !== ''), isConstant: type === 'Constant', attributes };
  }

  #attribute(cursor: Cursor, node: string, isConstant: boolean, depth: number): void {
    const values: WireField[] = [];
    let name = '';
    eachField(cursor, (field) => {
      if (field.number === ATTRIBUTE.name) name = textOf(this.#source, field);
      else if (MESSAGES.has(field.number) || (isConstant && NUMBERS.has(field.number))) values.push(field);
      if (values.length > LIST_LIMIT)
        cursor.fail({ expected: `at most ${LIST_LIMIT} values in an attribute`, found: 'more' });
    });
    const where = isConstant ? `Constant node '${show(node)}'` : `attribute ${show(name)} of node '${show(node)}'`;
    let elements = 0;
    for (const field of values) {
      const { number } = field;
      const tensor = () => readTensorHead(this.#source, this.#checked(field));
      if (number === ATTRIBUTE.graph || number === ATTRIBUTE.graphs) this.#graph(this.#message(field), node, depth + 1);
      else if (number === ATTRIBUTE.tensor) this.#add(tensor(), isConstant ? node : `${node}.${name}`, where);
      else if (number === ATTRIBUTE.tensors) this.#add(tensor(), `${node}.${name}.${elements++}`, where);
      else if (number === ATTRIBUTE.sparse) this.skipped.push({ name: node, reason: 'a sparse tensor' });
    }
    if (isConstant && name.startsWith('value_')) this.#constantList(name, values, node, where);
  }

  /** `value_float(s)` and `value_int(s)` hold a Constant's values without a tensor. */
  #constantList(name: string, values: readonly WireField[], node: string, where: string): void {
    const { float, integer, floats, integers } = ATTRIBUTE;
    const isFloat = name.startsWith('value_float');
    const wanted = isFloat ? [float, floats] : [integer, integers];
    if (!/^value_(float|int)s?$/.test(name)) return;
    const pieces = values
      .filter(({ number }) => wanted.includes(number))
      .map((field) => ({ ...field, number: isFloat ? 4 : 7 }));
    const bytes = pieces.reduce((sum, { begin, end }) => sum + end - begin, 0);
    const each = (visit: (field: WireField) => void) => pieces.forEach(visit);
    const typed = { bytes, fields: pieces.length, last: pieces.at(-1), each };
    // Varints are counted by their last bytes, whose upper bit is 0.
    const counted = () => pieces.reduce((sum, piece) => sum + this.#varints(piece), 0);
    const shape = name.endsWith('s') ? [isFloat ? Math.floor(bytes / 4) : counted()] : [];
    const head: TensorProtoHead = {
      name: node,
      dataType: isFloat ? 1 : 7,
      shape,
      raw: undefined,
      typed,
      external: new Map(),
    };
    this.#add(head, node, where);
  }

  #varints({ begin, end }: WireField): number {
    return this.#source.read(begin, end - begin).reduce((count, byte) => count + (byte < 0x80 ? 1 : 0), 0);
  }

  /** A field that holds a message. */
  #checked(field: WireField): WireField {
    this.#message(field);
    return field;
  }

  #add(head: TensorProtoHead, name: string, where: string): void {
    if (this.tensors.length + this.skipped.length > TENSOR_LIMIT)
      this.#source.fail({ expected: `at most ${TENSOR_LIMIT} tensors`, found: 'more' });
    const tensor = tensorFromHead(this.#source, head, name, where, this.#expansionLimit);
    if (tensor instanceof CheckpointTensor) this.tensors.push(tensor);
    else this.skipped.push({ name, reason: tensor });
  }
}

interface NodeHead {
  readonly name: string;
  readonly outputs: readonly string[];
  readonly isConstant: boolean;
  readonly attributes: readonly Cursor[];
}
