/** Sample: two runs with their curves, controls, states and events; the other views' samples refer to run `a`. */
import { RunState } from '../core/protocol';
import { Sample, noise } from './encode';

const CONTROLS = [
  { name: 'lr', label: 'learning rate', scale: 'log' as const, min: 1e-5, max: 1, value: 0.01 },
  { name: 'momentum', label: 'momentum', scale: 'linear' as const, min: 0, max: 1, value: 0.9 }
];

function curves(run: string, n: number, floor: number, seed: number): Sample {
  const random = noise(seed);
  const steps = Float64Array.from({ length: n }, (_, index) => index + 1);
  const values = new Float32Array(3 * n).fill(NaN);
  for (let index = 0; index < n; index++) {
    const trend = floor + 2.3 * Math.exp(-index / (n / 6));
    values[index] = trend * (1 + 0.15 * random());
    values[n + index] = Math.min(1, 1 - trend / 2.6 + 0.02 * random());
    if (index % 100 === 99) values[2 * n + index] = trend * 1.1 + 0.03;
  }
  return {
    message: { op: 'series', run, seq: 1, names: ['loss', 'accuracy', 'val_loss'], n, reset: true },
    buffers: [steps, values]
  };
}

function run(id: string, title: string, state: RunState, n: number, floor: number, control: boolean): Sample[] {
  return [
    {
      message: {
        op: 'hello', v: 1, run: id, title, controls: CONTROLS, total: 2000,
        streams: ['series', 'gradflow', 'activations', 'attention', 'graph']
      },
      buffers: []
    },
    curves(id, n, floor, n),
    {
      message: { op: 'state', run: id, state, step: n, rate: 143.2, values: { lr: 0.01, momentum: 0.9 }, control },
      buffers: []
    }
  ];
}

export const training: Sample[] = [
  ...run('b', 'SGD, lr 0.01', 'done', 2000, 0.12, true),
  ...run('a', 'Adam, small convolutional network', 'running', 1677, 0.04, true),
  {
    message: { op: 'event', run: 'a', step: 812, level: 'warning', code: 'exploding', text: 'gradient norm of conv2.weight rose 40-fold' },
    buffers: []
  }
];
