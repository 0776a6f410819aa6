/**
 * Messages between a kernel and its views: the generated types and the one decoder of their binary buffers.
 *
 * The layout of every buffer is data (`BUFFERS`, from workbench/lab/protocol.json), so there is no decoding code per
 * message. Buffers of a websocket frame start at any byte, which typed arrays refuse: each is copied once.
 */
import { BUFFERS, BufferSpec, Dtype, ToView } from './protocol.gen';

export * from './protocol.gen';

type Numbers = Float64Array | Float32Array | Uint32Array | Uint8Array;

const ARRAYS = { f8: Float64Array, f4: Float32Array, u4: Uint32Array, u1: Uint8Array } as const;

/** Decoded buffers of a message, by the names of the schema; a starred buffer gives a list. */
export interface Decoded {
  arrays: Record<string, Numbers>;
  rest: Uint8Array[];
}

/** A buffer that does not have the length its message announces. */
export class ProtocolError extends Error {
  override name = 'ProtocolError';
}

/** Copies bytes into an aligned typed array of its own. */
export function numbers(dtype: Dtype, buffer: ArrayBufferView | ArrayBuffer): Numbers {
  const bytes =
    buffer instanceof ArrayBuffer
      ? new Uint8Array(buffer)
      : new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  if (bytes.byteLength % size) throw new ProtocolError(`a ${dtype} buffer has ${bytes.byteLength} bytes`);
  return new ARRAYS[dtype](bytes.slice().buffer);
}

/** The number of elements a buffer must have, from the counts and lists in its message. */
function expected(spec: BufferSpec, message: ToView): number {
  const fields = message as unknown as Record<string, number | unknown[]>;
  return spec.shape.reduce<number>((product, dim) => {
    const value = typeof dim === 'number' ? dim : fields[dim];
    return product * (Array.isArray(value) ? value.length : value);
  }, 1);
}

/** Typed arrays of a message's buffers; throws ProtocolError when one is missing or too short. */
export function decode(message: ToView, buffers: readonly (ArrayBufferView | ArrayBuffer)[]): Decoded {
  const decoded: Decoded = { arrays: {}, rest: [] };
  BUFFERS[message.op].forEach((spec, index) => {
    if (spec.rest) {
      decoded.rest = buffers.slice(index).map(buffer => numbers(spec.dtype, buffer) as Uint8Array);
      return;
    }
    const count = expected(spec, message);
    const array = index < buffers.length ? numbers(spec.dtype, buffers[index]) : null;
    if (array?.length !== count) {
      throw new ProtocolError(`${message.op}.${spec.name} has ${array?.length ?? 'no'} numbers, ${count} expected`);
    }
    decoded.arrays[spec.name] = array;
  });
  return decoded;
}

/** The bytes of a base64 string: snapshots in a saved notebook carry their buffers so. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), character => character.charCodeAt(0));
}
