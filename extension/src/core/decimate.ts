/**
 * Fewer points, same picture: the lowest and the highest value of every pixel column, at their true steps.
 *
 * Averages would hide the spikes that a person looks for; extremes keep them at any zoom.
 */

export interface Points {
  x: Float64Array;
  y: Float32Array;
}

/** First index whose step is not below `step`. */
export function lowerBound(steps: Float64Array, step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the last number at or before `step`, or -1; NaN is not a number. */
export function indexAt(steps: Float64Array, values: Float32Array, step: number): number {
  let index = lowerBound(steps, step);
  if (steps[index] !== step) index--;
  while (index >= 0 && Number.isNaN(values[index])) index--;
  return index;
}

/**
 * Points of a curve between two steps, at most two for each of `columns` pixel columns, without holes.
 * One point beyond each end is kept, so that a line leaves the picture instead of stopping inside it.
 */
export function decimate(steps: Float64Array, values: Float32Array, low: number, high: number, columns: number): Points {
  const first = Math.max(0, indexAt(steps, values, low));
  let end = lowerBound(steps, high);
  while (end < steps.length && Number.isNaN(values[end])) end++;
  end = Math.min(steps.length, end + 1);
  if (end - first <= 2 * columns) return compact(steps, values, first, end);
  const x: number[] = [];
  const y: number[] = [];
  const width = (high - low) / columns;
  const push = (index: number): void => {
    x.push(steps[index]);
    y.push(values[index]);
  };
  for (let index = first; index < end; ) {
    const column = Math.floor((steps[index] - low) / width);
    let lowest = -1;
    let highest = -1;
    for (; index < end && Math.floor((steps[index] - low) / width) === column; index++) {
      const value = values[index];
      if (Number.isNaN(value)) continue;
      if (lowest < 0 || value < values[lowest]) lowest = index;
      if (highest < 0 || value > values[highest]) highest = index;
    }
    if (lowest < 0) continue;
    push(Math.min(lowest, highest));
    if (lowest !== highest) push(Math.max(lowest, highest));
  }
  return { x: Float64Array.from(x), y: Float32Array.from(y) };
}

function compact(steps: Float64Array, values: Float32Array, first: number, end: number): Points {
  const kept: number[] = [];
  for (let index = first; index < end; index++) if (!Number.isNaN(values[index])) kept.push(index);
  return { x: Float64Array.from(kept, index => steps[index]), y: Float32Array.from(kept, index => values[index]) };
}

/** Exponential moving average with weight 0..1 on the past; unbiased at the start, holes stay holes. */
export function smooth(values: Float32Array, weight: number): Float32Array {
  if (weight <= 0) return values;
  const result = new Float32Array(values.length).fill(NaN);
  let average = 0;
  let total = 0;
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index])) continue;
    average = weight * average + (1 - weight) * values[index];
    total = weight * total + (1 - weight);
    result[index] = average / total;
  }
  return result;
}
