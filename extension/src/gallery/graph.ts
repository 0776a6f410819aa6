/**
 * Sample graphs; `graph=` in the page's hash chooses one: a transformer of 24 blocks (the default), an MLP, a CNN
 * whose numbers went wrong, the tape of a few scalars, a chain of 1000 layers, names that are long and hostile.
 */
import { GraphEdge, GraphNode, Summary } from '../core/protocol';
import { Sample, noise } from './encode';

const random = noise(7);

/** Builds nodes and edges the way the recorder does: ops in order, each fed by the one before unless told otherwise. */
class Sketch {
  readonly step = 1;
  nodes: GraphNode[] = [];
  edges: GraphEdge[] = [];
  last = '';
  private modules = new Map<string, GraphNode>();
  private count = 0;

  module(path: string, type: string, parameters = 0): string {
    const parent = path.includes('.') ? `m:${path.slice(0, path.lastIndexOf('.'))}` : '';
    return this.put({ id: `m:${path}`, parent, kind: 'module', label: path.split('.').pop()!, type, parameters });
  }

  input(label: string, shape: number[], value = 0.1): string {
    return (this.last = this.put({ id: `i:${this.count++}`, kind: 'input', label, type: 'input', shape, value: numbers(value) }));
  }

  parameter(path: string, shape: number[], value: number): string {
    const parent = path.includes('.') ? `m:${path.slice(0, path.lastIndexOf('.'))}` : '';
    const parameters = shape.reduce((product, size) => product * size, 1);
    return this.put({ id: `p:${path}`, parent, kind: 'parameter', label: path.split('.').pop()!, type: 'parameter', shape, parameters, value: numbers(value), grad: numbers(0.02) });
  }

  op(type: string, parent: string, shape: number[], from: string[] = [this.last], value = 0.02): string {
    const source = { where: 'cell 4', line: 17, code: 'return self.head(self.blocks(x, mask=self.hidden))' };
    this.last = this.put({ id: `o:${this.count++}`, parent, kind: 'op', label: type, type, shape, source, value: numbers(value), grad: numbers(0.0001) });
    for (const each of from) this.edges.push({ from: each, to: this.last, shape });
    // A module gives what its last op gives.
    for (let path = parent; path; path = path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : '') {
      const module = this.modules.get(path);
      if (module) module.shape = shape;
    }
    return this.last;
  }

  output(shape: number[]): void {
    const before = this.last;
    this.edges.push({ from: before, to: this.put({ id: 'out:0', kind: 'output', label: 'output', type: 'output', shape }), shape });
  }

  private put(part: Partial<GraphNode> & { id: string }): string {
    const blank = { parent: '', kind: 'op' as const, label: '', type: '', shape: [], dtype: 'float32', parameters: 0, source: null, value: null, grad: null };
    const node = { ...blank, ...part };
    this.nodes.push(node);
    if (node.kind === 'module') this.modules.set(node.id, node);
    return part.id;
  }
}

function numbers(mean: number): Summary {
  return { min: mean - 2, max: mean + 3, mean, std: 0.91, norm: 0.02 * 10 ** (1.5 * random()), nan: 0, inf: 0 };
}

function transformer(): Sketch {
  const made = new Sketch();
  made.input('x', [32, 64]);
  made.module('token', 'Embedding', 13184);
  made.module('blocks', 'TransformerEncoder', 24 * 198272);
  made.op('index_at', 'm:token', [32, 64, 128]);
  for (let block = 0; block < 24; block++) {
    const path = made.module(`blocks.${block}`, 'TransformerEncoderLayer', 198272);
    for (const [name, type] of [['norm1', 'LayerNorm'], ['self_attn', 'MultiheadAttention'], ['linear1', 'Linear'], ['linear2', 'Linear']]) {
      made.module(`blocks.${block}.${name}`, type, 49984);
    }
    const start = made.last;
    made.op('normalize', `${path}.norm1`, [32, 64, 128]);
    made.op('matmul', `${path}.self_attn`, [32, 64, 384]);
    made.op('attention_core', `${path}.self_attn`, [32, 4, 64, 32]);
    made.op('matmul', `${path}.self_attn`, [32, 64, 128]);
    const middle = made.op('add', path, [32, 64, 128], [start, made.last]);
    made.op('matmul', `${path}.linear1`, [32, 64, 512]);
    made.op('gelu', path, [32, 64, 512]);
    made.op('matmul', `${path}.linear2`, [32, 64, 128]);
    made.op('add', path, [32, 64, 128], [middle, made.last]);
  }
  made.module('head', 'Linear', 13287);
  made.op('matmul', 'm:head', [32, 64, 103]);
  made.op('nll_of_logits', '', [2048]);
  made.op('mean', '', [], [made.last], 4.137);
  return made;
}

function mlp(): Sketch {
  const made = new Sketch();
  made.input('x', [64, 64]);
  for (const [index, [from, to]] of [[64, 128], [128, 128], [128, 10]].entries()) {
    const path = made.module(`${2 * index}`, 'Linear', from * to + to);
    const before = made.last;
    const weight = made.parameter(`${2 * index}.weight`, [to, from], 0.01);
    const bias = made.parameter(`${2 * index}.bias`, [to], 0);
    made.op('matmul', path, [64, to], [before, weight]);
    made.op('add', path, [64, to], [made.last, bias]);
    if (index < 2) made.op('relu', made.module(`${2 * index + 1}`, 'ReLU'), [64, to]);
  }
  made.output([64, 10]);
  return made;
}

function cnn(): Sketch {
  const made = new Sketch();
  made.input('images', [64, 1, 28, 28]);
  made.module('features', 'Sequential', 18816);
  for (const [index, size] of [[0, 28], [1, 14]]) {
    made.op('conv2d', made.module(`features.${index * 3}`, 'Conv2d', 320), [64, 32, size, size]);
    made.op('relu', made.module(`features.${index * 3 + 1}`, 'ReLU'), [64, 32, size, size]);
    made.op('max_pool2d', made.module(`features.${index * 3 + 2}`, 'MaxPool2d'), [64, 32, size / 2, size / 2]);
  }
  made.op('reshape', '', [64, 1568]);
  made.op('matmul', made.module('head', 'Linear', 15690), [64, 10]);
  made.op('log', '', [64, 10]);
  const wrong = made.nodes[made.nodes.length - 1];
  wrong.value = { min: -3, max: 1, mean: -0.8, std: 1.2, norm: null, nan: 12, inf: 3 };
  made.output([64, 10]);
  return made;
}

function tape(): Sketch {
  const made = new Sketch();
  const x = made.input('x', [], 3);
  const w = made.input('w', [], -2);
  const product = made.op('mul', '', [], [x, w], -6);
  const sum = made.op('add', '', [], [product, made.input('b', [], 6.88)], 0.88);
  made.op('tanh', '', [], [sum], 0.7064);
  made.output([]);
  return made;
}

function chain(): Sketch {
  const made = new Sketch();
  made.input('x', [8, 16]);
  for (let layer = 0; layer < 1000; layer++) {
    made.op(layer % 2 ? 'tanh' : 'matmul', made.module(String(layer), layer % 2 ? 'Tanh' : 'Linear', layer % 2 ? 0 : 272), [8, 16]);
  }
  made.output([8, 16]);
  return made;
}

/** A loop written without modules: 1000 ops with nothing to fold. */
function loop(): Sketch {
  const made = new Sketch();
  made.input('x', [8]);
  for (let step = 0; step < 1000; step++) made.op(['mul', 'add', 'tanh', 'sub', 'exp'][(step * step) % 5], '', [8]);
  made.output([8]);
  return made;
}

function names(): Sketch {
  const made = new Sketch();
  made.input('<img src=x onerror=alert(1)>', [4]);
  made.op('a "quoted" \\N op', made.module('the_name_of_a_module_that_somebody_wrote_out_in_full', 'ThingWithAVeryLongClassNameFactory<script>'), [4]);
  made.op('naïve 日本語 &amp; \u0000 tab\t', made.module('a', 'Ünï'), [1024, 1024, 64, 64]);
  made.op('</text><script>alert(1)</script>', made.module('b"]; evil [label="x', '}'), [4]);
  return made;
}

export const GRAPHS = { transformer, mlp, cnn, tape, chain, loop, names };

/** The message that carries a sample graph. */
export function graphSample(name: keyof typeof GRAPHS): Sample {
  const { nodes, edges } = GRAPHS[name]();
  return { message: { op: 'graph', run: 'a', seq: 9, step: 1, nodes, edges }, buffers: [] };
}

const wanted = new URLSearchParams(location.hash.slice(1)).get('graph') ?? '';

export const graph: Sample[] = [graphSample(wanted in GRAPHS ? (wanted as keyof typeof GRAPHS) : 'transformer')];
