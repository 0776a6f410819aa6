/** Sample: activations of a convolutional network looking at a drawn digit; the feature maps are real filters on it. */
import { FeatureMaps } from '../core/protocol';
import { Sample, noise } from './encode';

const BINS = 48;
const SIDE = 28;

interface Layer {
  name: string;
  type: string;
  shape: number[];
  mean: number;
  std: number;
  dead: number;
  saturated: number;
  rectified: boolean;
  /** channels and side of its feature maps; none for a layer without space */
  channels?: number;
}

const LAYERS: Layer[] = [
  { name: 'stem.conv', type: 'Conv2d', shape: [64, 12, 28, 28], mean: 0.02, std: 0.84, dead: 0, saturated: 0, rectified: false, channels: 12 },
  { name: 'stem.act', type: 'ReLU', shape: [64, 12, 28, 28], mean: 0.34, std: 0.51, dead: 0.08, saturated: 0, rectified: true, channels: 12 },
  { name: 'stage1.conv', type: 'Conv2d', shape: [64, 16, 14, 14], mean: -0.11, std: 1.12, dead: 0, saturated: 0, rectified: false, channels: 16 },
  { name: 'stage1.act', type: 'ReLU', shape: [64, 16, 14, 14], mean: 0.41, std: 0.73, dead: 0.19, saturated: 0, rectified: true, channels: 16 },
  { name: 'stage2.conv', type: 'Conv2d', shape: [64, 24, 7, 7], mean: -0.62, std: 1.4, dead: 0, saturated: 0, rectified: false, channels: 24 },
  { name: 'stage2.act', type: 'ReLU', shape: [64, 24, 7, 7], mean: 0.21, std: 0.57, dead: 0.625, saturated: 0, rectified: true, channels: 24 },
  { name: 'head.fc1', type: 'Linear', shape: [64, 128], mean: 0.05, std: 2.6, dead: 0, saturated: 0, rectified: false },
  { name: 'head.squash', type: 'Tanh', shape: [64, 128], mean: 0.04, std: 0.83, dead: 0, saturated: 0.47, rectified: false },
  { name: 'head.fc2', type: 'Linear', shape: [64, 10], mean: -0.3, std: 3.4, dead: 0, saturated: 0, rectified: false }
];

/** A soft 2 drawn on a square. */
function digit(x: number, y: number): number {
  const stroke = (distance: number): number => Math.max(0, 1 - Math.abs(distance) / 0.085);
  const top = y < 0.44 || x > 0.5 ? stroke(Math.hypot(x - 0.5, y - 0.36) - 0.18) * (y < 0.36 || x > 0.5 ? 1 : 0) : 0;
  const along = (x - 0.34) * 0.64 + (y - 0.76) * 0.48;
  const slope = y > 0.42 && y < 0.8 && along > -0.02 ? stroke((x - 0.33) * 0.8 + (y - 0.78) * 0.6) : 0;
  const base = x > 0.3 && x < 0.72 ? stroke(y - 0.78) : 0;
  return Math.max(top * (y > 0.5 ? 0 : 1), slope, base);
}

/** One channel: the digit through an edge filter of its own direction. */
function channelOf(channel: number, side: number, rectified: boolean, dead: boolean): Float32Array {
  const angle = (channel * Math.PI) / 5.3;
  const out = new Float32Array(side * side);
  if (dead) return out;
  const reach = (channel % 3) * 0.02 + 0.05;
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [(column + 0.5) / side, (row + 0.5) / side];
      const edge = digit(x + reach * Math.cos(angle), y + reach * Math.sin(angle)) - digit(x - reach * Math.cos(angle), y - reach * Math.sin(angle));
      const value = channel % 4 === 3 ? digit(x, y) - 0.2 : edge;
      out[row * side + column] = rectified ? Math.max(0, value) : value;
    }
  }
  return out;
}

function mapsOf({ name, channels = 0, shape, rectified, dead }: Layer): { head: FeatureMaps; values: Uint8Array } {
  const side = shape[2] ?? SIDE;
  const planes = Array.from({ length: channels }, (_, index) => channelOf(index, side, rectified, rectified && (index * 0.381) % 1 < dead));
  const lo = rectified ? 0 : -1;
  const values = Uint8Array.from(planes.flatMap(plane => [...plane]), value => Math.round(((value - lo) / (1 - lo)) * 255));
  return { head: { layer: name, channels, height: side, width: side, lo: lo * 2.1, hi: 2.1 }, values };
}

/** Bell curves; a rectified one piles up at its lowest bin, a saturated one at both ends. */
function countsOf(layer: Layer, random: () => number): Uint32Array {
  const counts = Uint32Array.from({ length: BINS }, (_, bin) => {
    const place = layer.rectified ? bin / 13 : (bin - 23.5) / 8.5;
    const ends = layer.saturated && (bin < 2 || bin > BINS - 3) ? 2600 : 0;
    return Math.round(2400 * Math.exp(-(place ** 2) / 2) * (1 + 0.12 * random()) * (layer.saturated ? 0.35 : 1)) + ends;
  });
  if (layer.rectified) counts[0] += 7000 * (0.4 + layer.dead);
  return counts;
}

function activity(run: string): Sample {
  const random = noise(3);
  const maps = LAYERS.filter(layer => layer.channels).map(mapsOf);
  const spread = (layer: Layer): number[] =>
    layer.rectified ? [0, layer.mean + 5 * layer.std] : layer.saturated ? [-1, 1] : [layer.mean - 3 * layer.std, layer.mean + 3 * layer.std];
  return {
    message: {
      op: 'activations', run, seq: 3, step: 1660, bins: BINS,
      layers: LAYERS.map(({ name, type, shape }) => ({ name, type, shape })), maps: maps.map(each => each.head)
    },
    buffers: [
      Float32Array.from(LAYERS.flatMap(layer => [layer.mean, layer.std, ...spread(layer), layer.dead, layer.saturated])),
      Float32Array.from(LAYERS.flatMap(spread)),
      Uint32Array.from(LAYERS.flatMap(layer => [...countsOf(layer, random)])),
      ...maps.map(each => each.values)
    ]
  };
}

export const activations: Sample[] = [activity('a')];
