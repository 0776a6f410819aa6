/** Sample: gradient flow of a small convolutional network whose early layers starve, with a burst and a first NaN. */
import { Sample, noise } from './encode';

const BINS = 40;
const SAMPLES = 84;
const BURST = 58;
const LAYERS = [
  ...['stem.conv', 'stage1.0.conv1', 'stage1.0.conv2', 'stage1.1.conv1', 'stage1.1.conv2', 'stage2.0.conv1', 'stage2.0.conv2', 'stage2.0.downsample.projection',
    'stage2.1.conv1', 'stage2.1.conv2'].flatMap(name => [`${name}.weight`, `${name}.bias`]),
  'attention.qkv.weight', 'attention.out.weight', 'norm.weight', 'norm.bias', 'head.fc1.weight', 'head.fc1.bias', 'head.fc2.weight', 'head.fc2.bias'
];

/** Gradient norm of a layer at a sample: larger towards the output, falling with training, one layer bursting. */
function norm(layer: number, sample: number, random: () => number): number {
  const depth = layer / (LAYERS.length - 1);
  const starving = layer < 2 ? -2.4 - sample / 60 : 0;
  const burst = /fc1.weight|qkv/.test(LAYERS[layer]) && sample >= BURST ? 1.9 * Math.exp(-(sample - BURST) / 22) : 0;
  return 10 ** (-2.4 + 1.9 * depth - 0.9 * (sample / SAMPLES) + (LAYERS[layer].endsWith('bias') ? -0.5 : 0) + starving + burst + 0.16 * random());
}

function gradients(run: string): Sample {
  const random = noise(7);
  const count = LAYERS.length;
  const steps = Float64Array.from({ length: SAMPLES }, (_, index) => 1 + index * 20);
  const stats = new Float32Array(SAMPLES * count * 5);
  const range = new Float32Array(SAMPLES * count * 2);
  const counts = new Uint32Array(SAMPLES * count * BINS);
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (let layer = 0; layer < count; layer++) {
      const at = sample * count + layer;
      const broken = LAYERS[layer] === 'head.fc1.weight' && sample >= BURST && sample < BURST + 2;
      const size = norm(layer, sample, random);
      const weight = 3 + 5 * Math.sin(layer) ** 2;
      stats.set([size, weight, (0.02 * size ** 0.5) / weight, broken ? 12 : 0, broken ? 3 : 0], at * 5);
      range.set([-size / 4, size / 3.4], at * 2);
      for (let bin = 0; bin < BINS; bin++) {
        const place = (bin - 17) / 4.2;
        counts[at * BINS + bin] = Math.max(0, Math.round(4000 / (1 + place ** 4) * (1 + 0.3 * random())));
      }
    }
  }
  return { message: { op: 'gradflow', run, seq: 2, layers: LAYERS, n: SAMPLES, bins: BINS, reset: true }, buffers: [steps, stats, range, counts] };
}

export const gradflow: Sample[] = [gradients('a')];
