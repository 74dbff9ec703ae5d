/**
 * @file Python's pickles as plain values, without executing anything.
 *
 * A pickle is a program for a small stack machine. Here its calls reach a fixed table of functions that make inert
 * values; a global that isn't in the table is an error that names it. Objects become Maps, so that no key can reach a
 * prototype, and the number of steps is bounded.
 */
import { show } from '../checkpoint-error.ts';
import type { Cursor } from '../io/cursor.ts';
import { OP } from './opcodes.data.ts';

/** A value of a pickle. Tuples are arrays as lists are; dictionaries are Maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleGlobal
  | PickleObject;

/** A class or function that a pickle names; it is a name and nothing else. */
export class PickleGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** What a function of the table made. */
export abstract class PickleObject {}

/** A call that can't be understood; the machine adds the place. */
export class PickleRefusal extends Error {
  override readonly name = 'PickleRefusal';
  readonly expected: string;
  readonly found: string;

  constructor(expected: string, found: string) {
    super(`expected ${expected}, found ${found}`);
    this.expected = expected;
    this.found = found;
  }
}

/** What a pickle may name and call. */
export interface PickleTable {
  /** Whether the name alone may stand in a pickle. */
  allows(path: string): boolean;
  /** @throws {PickleRefusal} when the arguments are none that it takes */
  call(path: string, args: readonly PickleValue[]): PickleValue;
  /** An object that the pickle only refers to. */
  persistent(id: PickleValue): PickleValue;
}

/** A state dict takes about 40 steps for each tensor. */
const STEP_LIMIT = 2e7;
/** An empty Map takes 200 bytes. */
const CONTAINER_LIMIT = 3e6;
const LINE_LIMIT = 2 ** 16;
const BLOCKED =
  'the pickle would call what is not on the list of harmless names; nothing of it was executed. If you trust the file, load it in Python and save model.state_dict()';

/** Runs one pickle from the cursor's place to its end. */
export class PickleMachine {
  readonly #cursor: Cursor;
  readonly #table: PickleTable;
  readonly #memo = new Map<number, PickleValue>();
  readonly #marks: PickleValue[][] = [];
  #stack: PickleValue[] = [];
  #containers = 0;
  /** Byte at which the present opcode stands. */
  #start = 0;

  constructor(cursor: Cursor, table: PickleTable) {
    this.#cursor = cursor;
    this.#table = table;
  }

  /** @throws {CheckpointError} when the pickle is damaged, too long, or names what it may not */
  run(): PickleValue {
    for (let steps = 0; steps < STEP_LIMIT; steps++) {
      this.#start = this.#cursor.position;
      const opcode = this.#cursor.u8();
      if (opcode === OP.STOP) return this.#pop();
      this.#step(opcode);
    }
    return this.#fail(`a pickle of at most ${STEP_LIMIT} steps`, 'a longer one');
  }

  #step(opcode: number): void {
    if (this.#stepScalar(opcode)) return;
    if (this.#stepText(opcode)) return;
    if (this.#stepContainer(opcode)) return;
    if (this.#stepCall(opcode)) return;
    if (!this.#stepMachine(opcode)) this.#fail('an opcode of pickle', `byte ${opcode}`);
  }

  /** None, booleans and numbers. */
  #stepScalar(opcode: number): boolean {
    const cursor = this.#cursor;
    const { NONE, NEWTRUE, NEWFALSE, BININT, BININT1, BININT2, LONG1, LONG4, BINFLOAT, INT, LONG, FLOAT } = OP;
    if (opcode === NONE) this.#push(null);
    else if (opcode === NEWTRUE) this.#push(true);
    else if (opcode === NEWFALSE) this.#push(false);
    else if (opcode === BININT) this.#push(cursor.i32(true));
    else if (opcode === BININT1) this.#push(cursor.u8());
    else if (opcode === BININT2) this.#push(cursor.u16(true));
    else if (opcode === LONG1) this.#push(this.#long(cursor.u8()));
    else if (opcode === LONG4) this.#push(this.#long(cursor.u32(true)));
    else if (opcode === BINFLOAT) this.#push(cursor.f64(false));
    else if (opcode === FLOAT) this.#push(this.#float(cursor.line(LINE_LIMIT)));
    else if (opcode === LONG || opcode === INT) this.#push(this.#decimal(cursor.line(LINE_LIMIT), opcode === INT));
    else return false;
    return true;
  }

  #stepText(opcode: number): boolean {
    const cursor = this.#cursor;
    const latin1 = (length: number) => Buffer.from(cursor.bytes(length)).toString('latin1');
    if (opcode === OP.BINUNICODE) this.#push(cursor.text(cursor.u32(true)));
    else if (opcode === OP.SHORT_BINUNICODE) this.#push(cursor.text(cursor.u8()));
    else if (opcode === OP.BINUNICODE8) this.#push(cursor.text(cursor.length64(true)));
    else if (opcode === OP.UNICODE) this.#push(unescaped(cursor.line(LINE_LIMIT)));
    else if (opcode === OP.STRING) this.#push(this.#quoted(cursor.line(LINE_LIMIT)));
    else if (opcode === OP.BINSTRING) this.#push(latin1(cursor.u32(true)));
    else if (opcode === OP.SHORT_BINSTRING) this.#push(latin1(cursor.u8()));
    else if (opcode === OP.BINBYTES) this.#push(cursor.bytes(cursor.u32(true)));
    else if (opcode === OP.SHORT_BINBYTES) this.#push(cursor.bytes(cursor.u8()));
    else if (opcode === OP.BINBYTES8 || opcode === OP.BYTEARRAY8) this.#push(cursor.bytes(cursor.length64(true)));
    else return false;
    return true;
  }

  #stepContainer(opcode: number): boolean {
    if (opcode === OP.EMPTY_TUPLE || opcode === OP.EMPTY_LIST) this.#pushContainer([]);
    else if (opcode === OP.TUPLE1) this.#pushContainer([this.#pop()]);
    else if (opcode === OP.TUPLE2) this.#pushContainer([this.#pop(), this.#pop()].reverse());
    else if (opcode === OP.TUPLE3) this.#pushContainer([this.#pop(), this.#pop(), this.#pop()].reverse());
    else if (opcode === OP.TUPLE || opcode === OP.LIST) this.#pushContainer(this.#toMark());
    else if (opcode === OP.EMPTY_DICT) this.#pushContainer(new Map());
    else if (opcode === OP.DICT) this.#pushContainer(this.#setItems(new Map(), this.#toMark()));
    else if (opcode === OP.EMPTY_SET) this.#pushContainer(new Set());
    else if (opcode === OP.FROZENSET) this.#pushContainer(new Set(this.#toMark()));
    else if (opcode === OP.APPEND) this.#append([this.#pop()]);
    else if (opcode === OP.APPENDS) this.#append(this.#toMark());
    else if (opcode === OP.SETITEM) this.#setItem([this.#pop(), this.#pop()].reverse());
    else if (opcode === OP.SETITEMS) this.#setItem(this.#toMark());
    else if (opcode === OP.ADDITEMS) this.#addItems(this.#toMark());
    else return false;
    return true;
  }

  #stepCall(opcode: number): boolean {
    const cursor = this.#cursor;
    if (opcode === OP.GLOBAL) this.#push(this.#global(cursor.line(LINE_LIMIT), cursor.line(LINE_LIMIT)));
    else if (opcode === OP.STACK_GLOBAL) this.#stackGlobal();
    else if (opcode === OP.REDUCE || opcode === OP.NEWOBJ) this.#call(this.#pop());
    else if (opcode === OP.NEWOBJ_EX) this.#callWithKeywords();
    else if (opcode === OP.INST) this.#instance(this.#global(cursor.line(LINE_LIMIT), cursor.line(LINE_LIMIT)));
    else if (opcode === OP.OBJ) this.#object();
    else if (opcode === OP.BUILD) this.#build(this.#pop());
    else if (opcode === OP.PERSID) this.#push(this.#refusing(() => this.#table.persistent(cursor.line(LINE_LIMIT))));
    else if (opcode === OP.BINPERSID) this.#push(this.#persistent(this.#pop()));
    else if (opcode === OP.EXT1 || opcode === OP.EXT2 || opcode === OP.EXT4)
      this.#fail('a pickle without extension codes', 'one, which stands for a global', BLOCKED);
    else return false;
    return true;
  }

  #stepMachine(opcode: number): boolean {
    const cursor = this.#cursor;
    if (opcode === OP.PROTO) this.#protocol(cursor.u8());
    else if (opcode === OP.FRAME) cursor.skip(8);
    else if (opcode === OP.MARK) this.#mark();
    else if (opcode === OP.POP) this.#pop();
    else if (opcode === OP.POP_MARK) this.#toMark();
    else if (opcode === OP.DUP) this.#push(this.#top());
    else if (opcode === OP.PUT) this.#memo.set(this.#index(cursor.line(32)), this.#top());
    else if (opcode === OP.BINPUT) this.#memo.set(cursor.u8(), this.#top());
    else if (opcode === OP.LONG_BINPUT) this.#memo.set(cursor.u32(true), this.#top());
    else if (opcode === OP.MEMOIZE) this.#memo.set(this.#memo.size, this.#top());
    else if (opcode === OP.GET) this.#push(this.#remembered(this.#index(cursor.line(32))));
    else if (opcode === OP.BINGET) this.#push(this.#remembered(cursor.u8()));
    else if (opcode === OP.LONG_BINGET) this.#push(this.#remembered(cursor.u32(true)));
    else if (opcode === OP.NEXT_BUFFER) this.#fail('a pickle that is whole', 'one with buffers kept elsewhere');
    else return opcode === OP.READONLY_BUFFER;
    return true;
  }

  #fail(expected: string, found: string, remedy?: string): never {
    return this.#cursor.fail({ offset: this.#start, expected, found, ...(remedy === undefined ? {} : { remedy }) });
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pushContainer(value: PickleValue): void {
    if (++this.#containers > CONTAINER_LIMIT)
      this.#fail(`a pickle of at most ${CONTAINER_LIMIT} lists and dictionaries`, 'more');
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    if (this.#stack.length === 0) this.#fail('a value on the stack', 'none');
    return this.#stack.pop()!;
  }

  #top(): PickleValue {
    if (this.#stack.length === 0) this.#fail('a value on the stack', 'none');
    return this.#stack.at(-1)!;
  }

  #mark(): void {
    if (++this.#containers > CONTAINER_LIMIT) this.#fail(`a pickle of at most ${CONTAINER_LIMIT} marks`, 'more');
    this.#marks.push(this.#stack);
    this.#stack = [];
  }

  /** All values since the last mark. */
  #toMark(): PickleValue[] {
    const items = this.#stack;
    const before = this.#marks.pop();
    if (!before) return this.#fail('a mark on the stack', 'none');
    this.#stack = before;
    return items;
  }

  #remembered(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) return this.#fail('a value that was remembered', `none as number ${index}`);
    return value;
  }

  #index(line: string): number {
    if (!/^\d{1,9}$/.test(line)) this.#fail('a number', show(line));
    return Number(line);
  }

  #protocol(version: number): void {
    if (version > 5) this.#fail('protocol 0 to 5', `${version}`);
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (hasState(list)) return;
    if (!Array.isArray(list)) return this.#fail('a list to append to', kindOf(list));
    for (const item of items) list.push(item);
  }

  #setItem(items: readonly PickleValue[]): void {
    const target = this.#top();
    if (hasState(target)) return;
    if (!(target instanceof Map)) return this.#fail('a dictionary to set items of', kindOf(target));
    this.#setItems(target, items);
  }

  #setItems(target: Map<PickleValue, PickleValue>, items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
    if (items.length % 2 !== 0) this.#fail('a value for every key', `${items.length} keys and values`);
    for (let i = 0; i < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
    return target;
  }

  #addItems(items: readonly PickleValue[]): void {
    const target = this.#top();
    if (hasState(target)) return;
    if (!(target instanceof Set)) return this.#fail('a set to add to', kindOf(target));
    for (const item of items) target.add(item);
  }

  #global(module: string, name: string): PickleGlobal {
    const global = new PickleGlobal(module, name);
    if (!this.#table.allows(global.path))
      this.#fail('a pickle of tensors and plain values', `the blocked global ${show(global.path, 200)}`, BLOCKED);
    return global;
  }

  #stackGlobal(): void {
    const [name, module] = [this.#pop(), this.#pop()];
    if (typeof name !== 'string' || typeof module !== 'string')
      return this.#fail('the name of a global', `${kindOf(module)} and ${kindOf(name)}`);
    this.#push(this.#global(module, name));
  }

  #call(args: PickleValue): void {
    const callee = this.#pop();
    if (!Array.isArray(args)) return this.#fail('a tuple of arguments', kindOf(args));
    if (!(callee instanceof PickleGlobal)) return this.#fail('a global to call', kindOf(callee));
    this.#pushContainer(this.#refusing(() => this.#table.call(callee.path, args)));
  }

  /** Fields of an object; dictionaries, tensors and the like have none that matter. */
  #build(state: PickleValue): void {
    const target = this.#top();
    if (hasState(target)) target.state = state;
  }

  #callWithKeywords(): void {
    const keywords = this.#pop();
    if (!(keywords instanceof Map) || keywords.size > 0) this.#fail('a call without keywords', kindOf(keywords));
    this.#call(this.#pop());
  }

  #instance(callee: PickleGlobal): void {
    const args = this.#toMark();
    this.#push(callee);
    this.#call(args);
  }

  #object(): void {
    const [callee, ...args] = this.#toMark();
    this.#push(callee ?? null);
    this.#call(args);
  }

  #persistent(id: PickleValue): PickleValue {
    return this.#refusing(() => this.#table.persistent(id));
  }

  #refusing<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof PickleRefusal) return this.#fail(error.expected, error.found);
      throw error;
    }
  }

  /** Two's complement, little-endian. */
  #long(length: number): number | bigint {
    if (length > LINE_LIMIT) this.#fail(`an integer of at most ${LINE_LIMIT} bytes`, `${length}`);
    const bytes = this.#cursor.bytes(length);
    if (length === 0) return 0;
    const digits = Buffer.from(bytes).reverse().toString('hex');
    return plain(BigInt.asIntN(8 * length, BigInt(`0x${digits}`)));
  }

  #decimal(line: string, mayBeBoolean: boolean): number | bigint | boolean {
    if (mayBeBoolean && (line === '00' || line === '01')) return line === '01';
    const [, digits] = /^([+-]?\d{1,1000})L?$/.exec(line) ?? [];
    return digits === undefined ? this.#fail('an integer', show(line)) : plain(BigInt(digits.replace('+', '')));
  }

  #float(line: string): number {
    const special: { readonly [text: string]: number } = { inf: Infinity, '-inf': -Infinity, nan: NaN };
    if (Object.hasOwn(special, line)) return special[line]!;
    return /^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(line) ? Number(line) : this.#fail('a number', show(line));
  }

  #quoted(line: string): string {
    const [, , text] = /^(['"])(.*)\1$/.exec(line) ?? [];
    return text === undefined ? this.#fail('a text in quotes', show(line)) : unescaped(text);
  }
}

/** An object of a class that isn't known; what it holds as a list or dictionary is passed over. */
const hasState = (value: PickleValue): value is PickleObject & { state: PickleValue } =>
  value instanceof PickleObject && 'state' in value;

const plain = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** Python's raw-unicode-escape, and the escapes of its texts that state dicts of Python 2 may have. */
const unescaped = (text: string): string =>
  text.replace(/\\(?:u([\da-f]{4})|U([\da-f]{8})|x([\da-f]{2})|([\\'"]))/gi, (whole, u4, u8, x2, quoted?: string) => {
    if (quoted !== undefined) return quoted;
    const code = Number.parseInt(String(u4 ?? u8 ?? x2), 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/** What a value is, for messages. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof PickleGlobal) return `the global ${show(value.path)}`;
  if (value instanceof Map) return 'a dictionary';
  if (value instanceof Set) return 'a set';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return `a list or tuple of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value} ${show(String(value))}`;
}
