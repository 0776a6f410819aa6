/**
 * What one kernel has told about its runs, and which of them is shown.
 *
 * Transports write (`apply`), views read and subscribe; a store knows neither. Several views share one store; a view
 * that must stay on its own run (an output in the notebook) takes a `pin`, which shares the data but not the choice.
 */
import {
  ActivationLayer,
  ActivationsMessage,
  AttentionLayer,
  AttentionMessage,
  Control,
  Decoded,
  EventMessage,
  FeatureMaps,
  GradflowMessage,
  GraphEdge,
  GraphNode,
  HelloMessage,
  RunInfo,
  RunState,
  SeriesMessage,
  StateMessage,
  Stream,
  ToView,
  VERSION,
  decode
} from './protocol';
import { Series } from './series';

export type Change = Stream | 'state' | 'runs' | 'event' | 'selection';

/** Told what changed, and of which run (null: of none in particular). */
export type Listener = (change: Change, run: RunData | null) => void;

/** Samples over time, oldest first: entry i of each list belongs to steps[i]. Numbers are row major over layers. */
export interface GradientFlow {
  layers: string[];
  bins: number;
  steps: number[];
  /** [layers, 5]: gradient norm, weight norm, update/weight ratio, NaN count, Inf count */
  stats: Float32Array[];
  /** [layers, 2]: lowest and highest edge of the histogram */
  range: Float32Array[];
  /** [layers, bins] */
  counts: Uint32Array[];
}

/** The last look at every watched layer. */
export interface Activations {
  step: number;
  bins: number;
  layers: ActivationLayer[];
  /** [layers, 6]: mean, std, min, max, dead fraction, saturated fraction */
  stats: Float32Array;
  /** [layers, 2] */
  range: Float32Array;
  /** [layers, bins] */
  counts: Uint32Array;
  /** values: [channels, height, width], 0 = lo, 255 = hi */
  maps: (FeatureMaps & { values: Uint8Array })[];
}

/** The last attention maps; weights: [heads, queries, keys], 255 = weight 1. */
export interface Attention {
  step: number;
  tokens: string[];
  layers: (AttentionLayer & { weights: Uint8Array })[];
}

export interface Graph {
  step: number;
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export type RunEvent = Omit<EventMessage, 'op' | 'run'>;

/** Everything known of one run. */
export interface RunData {
  id: string;
  title: string;
  state: RunState;
  step: number;
  total: number | null;
  /** steps a second */
  rate: number | null;
  /** true once a message to the kernel was seen to arrive while a cell was running */
  control: boolean;
  controls: Control[];
  streams: Stream[];
  values: Record<string, number>;
  series: Series;
  gradflow: GradientFlow | null;
  activations: Activations | null;
  attention: Attention | null;
  graph: Graph | null;
  events: RunEvent[];
}

/** A store of its own choice over the data of another. */
export interface Pin {
  store: Store;
  dispose(): void;
}

const MAX_SAMPLES = 400;
const MAX_EVENTS = 200;

export function emptyRun(id: string, title = id): RunData {
  return {
    id,
    title,
    state: 'idle',
    step: 0,
    total: null,
    rate: null,
    control: false,
    controls: [],
    streams: [],
    values: {},
    series: new Series(),
    gradflow: null,
    activations: null,
    attention: null,
    graph: null,
    events: []
  };
}

export class Store {
  readonly runs: Map<string, RunData>;
  /** A sentence when kernel and page do not speak the same protocol, else null. */
  problem: string | null = null;
  /** Runs laid over the shown one. */
  readonly compared = new Set<string>();
  private listeners = new Set<Listener>();
  private shown: string | null = null;
  /** The newest run is shown until a person picks another. */
  private following = true;

  constructor(runs: Map<string, RunData> = new Map()) {
    this.runs = runs;
  }

  /** The run that is shown. */
  get run(): RunData | null {
    return (this.shown !== null && this.runs.get(this.shown)) || null;
  }

  select(id: string): void {
    this.following = id === [...this.runs.keys()].pop();
    this.show(id);
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A store over the same runs that stays on one of them, whatever is picked here. */
  pin(id: string, compared: Iterable<string> = []): Pin {
    const store = new Store(this.runs);
    for (const each of compared) store.compared.add(each);
    store.following = false;
    store.shown = id;
    store.problem = this.problem;
    const dispose = this.subscribe((change, run) => {
      store.problem = this.problem;
      if (change !== 'selection') store.tell(change, run);
    });
    return { store, dispose };
  }

  /** Takes one message; a broken one throws ProtocolError and changes nothing. */
  apply(message: ToView, buffers: readonly (ArrayBufferView | ArrayBuffer)[]): void {
    if (message.op === 'runs') return this.applyRuns(message.runs);
    if (message.op === 'pong') return;
    if (message.op === 'bye') return this.forget(message.run);
    if (message.op === 'hello') return this.applyHello(message);
    const decoded = decode(message, buffers);
    const run = this.runs.get(message.run) ?? this.add(emptyRun(message.run));
    switch (message.op) {
      case 'series':
        applySeries(run, message, decoded);
        break;
      case 'gradflow':
        applyGradflow(run, message, decoded);
        break;
      case 'activations':
        run.activations = readActivations(message, decoded);
        break;
      case 'attention':
        run.attention = readAttention(message, decoded);
        break;
      case 'graph':
        run.graph = { step: message.step, nodes: message.nodes, edges: message.edges };
        break;
      case 'state':
        applyState(run, message);
        break;
      case 'event':
        run.events.push({ step: message.step, level: message.level, code: message.code, text: message.text });
        run.events.splice(0, run.events.length - MAX_EVENTS);
        break;
    }
    this.tell(message.op, run);
  }

  /** The kernel is gone: what was seen stays, but nothing runs and nothing can be controlled any more. */
  disconnect(): void {
    for (const run of this.runs.values()) {
      run.control = false;
      if (run.state === 'running' || run.state === 'paused') run.state = 'stopped';
      this.tell('state', run);
    }
  }

  private applyHello(message: HelloMessage): void {
    if (message.v !== VERSION) {
      const older = message.v < VERSION ? 'Python package' : 'JupyterLab extension';
      this.problem = `The kernel speaks version ${message.v}, this page version ${VERSION}: upgrade the ${older}.`;
      return this.tell('runs', null);
    }
    const known = this.runs.get(message.run);
    const run = known ?? this.add(emptyRun(message.run));
    const { state, step, rate, control } = run;
    Object.assign(run, emptyRun(message.run, message.title), { state, step, rate, control });
    run.controls = message.controls;
    run.streams = message.streams;
    run.total = message.total;
    for (const each of message.controls) run.values[each.name] = each.value;
    this.tell('runs', run);
  }

  private applyRuns(infos: RunInfo[]): void {
    for (const info of infos) {
      const run = this.runs.get(info.run) ?? this.add(emptyRun(info.run));
      run.title = info.title;
      run.state = info.state;
    }
    const alive = new Set(infos.map(info => info.run));
    for (const id of [...this.runs.keys()]) if (!alive.has(id)) this.runs.delete(id);
    this.repair();
    this.tell('runs', null);
  }

  private forget(id: string): void {
    this.runs.delete(id);
    this.repair();
    this.tell('runs', null);
  }

  private repair(): void {
    const newest = [...this.runs.keys()].pop();
    if (!this.run && newest !== undefined) this.show(newest);
  }

  private add(run: RunData): RunData {
    this.runs.set(run.id, run);
    if (this.following) this.show(run.id);
    return run;
  }

  private show(id: string): void {
    if (this.shown === id) return;
    this.shown = id;
    this.tell('selection', this.run);
  }

  private tell(change: Change, run: RunData | null): void {
    for (const listener of [...this.listeners]) listener(change, run);
  }
}

function applySeries(run: RunData, message: SeriesMessage, { arrays }: Decoded): void {
  if (message.reset) run.series.clear();
  run.series.merge(message.names, arrays.steps as Float64Array, arrays.values as Float32Array);
}

function applyState(run: RunData, message: StateMessage): void {
  run.state = message.state;
  run.step = message.step;
  run.rate = message.rate;
  run.control = message.control;
  run.values = { ...run.values, ...message.values };
}

function applyGradflow(run: RunData, message: GradflowMessage, { arrays }: Decoded): void {
  const { layers, bins, n } = message;
  const known = run.gradflow;
  const fits = known && known.bins === bins && known.layers.join('\n') === layers.join('\n');
  const flow = fits && !message.reset ? known : { layers, bins, steps: [], stats: [], range: [], counts: [] };
  const last = flow.steps.length ? flow.steps[flow.steps.length - 1] : -Infinity;
  const part = <T extends Float32Array | Uint32Array>(name: string, width: number, index: number): T =>
    arrays[name].slice(index * layers.length * width, (index + 1) * layers.length * width) as T;
  for (let index = 0; index < n; index++) {
    if (arrays.steps[index] <= last) continue; // seen before: a replay meant for another view
    flow.steps.push(arrays.steps[index]);
    flow.stats.push(part('stats', 5, index));
    flow.range.push(part('range', 2, index));
    flow.counts.push(part('counts', bins, index));
  }
  run.gradflow = flow.steps.length > MAX_SAMPLES ? thinned(flow) : flow;
}

/** Every second sample of the older half: long runs keep their whole story in bounded memory. */
function thinned(flow: GradientFlow): GradientFlow {
  const half = flow.steps.length >> 1;
  const keep = <T>(list: T[]): T[] => list.filter((_, index) => index >= half || index % 2 === 0);
  return {
    ...flow,
    steps: keep(flow.steps),
    stats: keep(flow.stats),
    range: keep(flow.range),
    counts: keep(flow.counts)
  };
}

function readActivations(message: ActivationsMessage, { arrays, rest }: Decoded): Activations {
  return {
    step: message.step,
    bins: message.bins,
    layers: message.layers,
    stats: arrays.stats as Float32Array,
    range: arrays.range as Float32Array,
    counts: arrays.counts as Uint32Array,
    maps: message.maps.map((each, index) => ({ ...each, values: rest[index] ?? new Uint8Array(0) }))
  };
}

function readAttention(message: AttentionMessage, { rest }: Decoded): Attention {
  return {
    step: message.step,
    tokens: message.tokens,
    layers: message.layers.map((each, index) => ({ ...each, weights: rest[index] ?? new Uint8Array(0) }))
  };
}
