/** The arithmetic of attention maps: means of heads, rollout, what a query looks at. No DOM. */
import { plural } from '../core/format';
import { Table } from '../core/frame';
import { Attention } from '../core/store';

export interface Map2 {
  title: string;
  queries: number;
  keys: number;
  /** weights 0..1, row major */
  weights: Float32Array;
}

/** One head of a layer. */
export function head(found: Attention, layer: number, index: number): Map2 {
  const { queries, keys, weights, name } = found.layers[layer];
  const size = queries * keys;
  const part = weights.subarray(index * size, (index + 1) * size);
  return { title: `${name}, head ${index}`, queries, keys, weights: Float32Array.from(part, byte => byte / 255) };
}

/** The mean of all heads of a layer. */
export function meanOfHeads(found: Attention, layer: number): Map2 {
  const { heads, queries, keys, weights, name } = found.layers[layer];
  const mean = new Float32Array(queries * keys);
  for (let index = 0; index < weights.length; index++) mean[index % mean.length] += weights[index] / 255 / heads;
  return { title: `${name}, mean of ${plural(heads, 'head')}`, queries, keys, weights: mean };
}

/**
 * Attention rollout (Abnar and Zuidema 2020): how much of each input reaches each position through the layers up to
 * this one, with half of every layer's flow in the residual connection. Null when maps are not square and alike.
 */
export function rollout(found: Attention, upTo: number): Map2 | null {
  const size = found.layers[0].queries;
  if (found.layers.slice(0, upTo + 1).some(layer => layer.queries !== size || layer.keys !== size)) return null;
  let total: Float32Array | null = null;
  for (let layer = 0; layer <= upTo; layer++) {
    const mean = meanOfHeads(found, layer).weights;
    const step = mean.map((weight, index) => weight / 2 + (Math.floor(index / size) === index % size ? 0.5 : 0));
    total = total ? product(step, total, size) : step;
  }
  return { title: `rollout through ${plural(upTo + 1, 'layer')}`, queries: size, keys: size, weights: total! };
}

function product(left: Float32Array, right: Float32Array, size: number): Float32Array {
  const out = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let inner = 0; inner < size; inner++) {
      const weight = left[row * size + inner];
      if (!weight) continue;
      for (let column = 0; column < size; column++) out[row * size + column] += weight * right[inner * size + column];
    }
  }
  return out;
}

/** The keys that a query looks at most, strongest first. */
export function strongest(map: Map2, query: number, most = 5): { key: number; weight: number }[] {
  const row = map.weights.subarray(query * map.keys, (query + 1) * map.keys);
  return Array.from(row, (weight, key) => ({ key, weight })).sort((a, b) => b.weight - a.weight).slice(0, most).filter(each => each.weight > 0.005);
}

/** The picture in a sentence. */
export function describe(found: Attention, map: Map2): string {
  let best = { query: 0, key: 0, weight: 0 };
  map.weights.forEach((weight, index) => {
    const query = Math.floor(index / map.keys);
    const key = index % map.keys;
    if (weight > best.weight && query !== key && query) best = { query, key, weight };
  });
  const about = `${map.title} at step ${found.step}, ${plural(map.queries, 'token')}`;
  return best.weight ? `${about}; the strongest look is from “${found.tokens[best.query]}” (${best.query}) to “${found.tokens[best.key]}” (${best.key}), ${best.weight.toFixed(2)}.` : `${about}.`;
}

/** For every query the keys it looks at most. */
export function tableOf(found: Attention, map: Map2): Table {
  const rows = Array.from({ length: map.queries }, (_, query) => [
    `${query}: ${found.tokens[query] ?? ''}`, strongest(map, query, 3).map(({ key, weight }) => `${found.tokens[key] ?? key} (${key}) ${weight.toFixed(2)}`).join(', ')
  ]);
  return { caption: map.title, head: ['query', 'looks at'], rows };
}
