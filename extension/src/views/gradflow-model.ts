/** What the gradient-flow view says: the numbers of its picture, and the layers it calls out. No DOM. */
import { plural, short } from '../core/format';
import { Table } from '../core/frame';
import { GradientFlow } from '../core/store';

export type Metric = 'gradient' | 'ratio' | 'weight';

export const METRICS: Record<Metric, { title: string; column: number }> = {
  gradient: { title: 'gradient norm', column: 0 },
  ratio: { title: 'update / weight', column: 2 },
  weight: { title: 'weight norm', column: 1 }
};

const WIDTH = 5;
const NAN = 3;
const INF = 4;
const VANISHED = 1e-3;
const EXPLODED = 10;

/** One number of a layer at a sample. */
export function value(flow: GradientFlow, metric: Metric, layer: number, sample: number): number {
  return flow.stats[sample][layer * WIDTH + METRICS[metric].column];
}

/** How many gradients of a layer were not finite at a sample. */
export function broken(flow: GradientFlow, layer: number, sample: number): number {
  const row = flow.stats[sample];
  return (row[layer * WIDTH + NAN] || 0) + (row[layer * WIDTH + INF] || 0);
}

/** Lowest and highest power of ten in the picture. */
export function range(flow: GradientFlow, metric: Metric): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  flow.stats.forEach((_, sample) => {
    flow.layers.forEach((_, layer) => {
      const power = Math.log10(value(flow, metric, layer, sample));
      if (!Number.isFinite(power)) return;
      low = Math.min(low, power);
      high = Math.max(high, power);
    });
  });
  return low > high ? [-1, 0] : high - low < 0.5 ? [low - 0.25, high + 0.25] : [low, high];
}

export interface Callout {
  kind: 'vanishing' | 'exploding' | 'broken' | 'still';
  layer: number;
  text: string;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

/** Layers that a person should look at, judged at the last sample against the others and against their own past. */
export function callouts(flow: GradientFlow): Callout[] {
  const last = flow.steps.length - 1;
  const found: Callout[] = [];
  const norms = flow.layers.map((_, layer) => value(flow, 'gradient', layer, last));
  const typical = median(norms.filter(norm => norm > 0 && Number.isFinite(norm)));
  flow.layers.forEach((name, layer) => {
    const norm = norms[layer];
    const past = flow.steps.map((_, sample) => value(flow, 'gradient', layer, sample)).filter(each => Number.isFinite(each));
    if (broken(flow, layer, last)) found.push({ kind: 'broken', layer, text: `${name} has gradients that are not numbers` });
    else if (norm === 0) found.push({ kind: 'still', layer, text: `${name} gets no gradient at all` });
    else if (norm < VANISHED * typical) found.push({ kind: 'vanishing', layer, text: `${name} gets ${short(norm / typical, 2)} of the typical gradient: vanishing` });
    else if (past.length > 4 && norm > EXPLODED * median(past) && norm > typical) {
      found.push({ kind: 'exploding', layer, text: `${name} is ${short(norm / median(past), 2)} times its usual size: exploding` });
    }
  });
  return found;
}

/** The picture in a sentence. */
export function describe(flow: GradientFlow): string {
  const last = flow.steps.length - 1;
  const norms = flow.layers.map((_, layer) => value(flow, 'gradient', layer, last)).filter(Number.isFinite);
  const about = `${plural(flow.layers.length, 'parameter')} over ${plural(flow.steps.length, 'sample')}, the last at step ${flow.steps[last]}`;
  return norms.length ? `${about}: gradient norms from ${short(Math.min(...norms), 3)} to ${short(Math.max(...norms), 3)}.` : `${about}: no gradients.`;
}

/** The last sample as a table. */
export function tableOf(flow: GradientFlow): Table {
  const last = flow.steps.length - 1;
  const rows = flow.layers.map((name, layer) => [
    name, ...(['gradient', 'weight', 'ratio'] as const).map(metric => short(value(flow, metric, layer, last))), broken(flow, layer, last)
  ]);
  return { caption: `Gradient flow at step ${flow.steps[last]}`, head: ['parameter', 'gradient norm', 'weight norm', 'update / weight', 'NaN or Inf'], rows };
}
