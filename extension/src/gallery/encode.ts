/** Messages with their buffers, as a kernel would send them: the gallery and the tests go through the real decoder. */
import { Store } from '../core/store';
import { ToView } from '../core/protocol';

export type Numbers = Float64Array | Float32Array | Uint32Array | Uint8Array;

/** One message of a sample. */
export interface Sample {
  message: ToView;
  buffers: Numbers[];
}

/** A store that has seen all samples. */
export function storeOf(samples: Sample[]): Store {
  const store = new Store();
  for (const { message, buffers } of samples) store.apply(message, buffers);
  return store;
}

/** Repeatable noise in -1..1. */
export function noise(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return (state / 4294967296) * 2 - 1;
  };
}
