/** Sample: a transformer's module tree of 24 blocks with its operations. */
import { GraphEdge, GraphNode } from '../core/protocol';
import { Sample } from './encode';

const BLOCKS = 24;

function node(id: string, parent: string, kind: GraphNode['kind'], type: string, shape: number[] = []): GraphNode {
  const label = kind === 'module' ? id.slice(2).split('.').pop()! : type;
  const value = { min: -2.1, max: 3.2, mean: 0.02, std: 0.91, norm: 58.2, nan: 0, inf: 0 };
  const grad = { min: -0.01, max: 0.02, mean: 0.0001, std: 0.003, norm: 0.1 * Math.random(), nan: 0, inf: 0 };
  const source = { where: 'cell 4', line: 17, code: 'return self.head(self.blocks(x, mask=self.hidden))' };
  const seen = kind === 'op';
  return { id, parent, kind, label, type, shape, dtype: 'float32', parameters: kind === 'module' ? 49984 : 0, source: seen ? source : null, value: seen ? value : null, grad: seen ? grad : null };
}

const nodes: GraphNode[] = [node('i:0', '', 'input', 'input', [32, 64]), node('m:token', '', 'module', 'Embedding'), node('m:blocks', '', 'module', 'TransformerEncoder')];
const edges: GraphEdge[] = [];
let count = 0;
let last = 'i:0';

function op(type: string, parent: string, shape: number[], ...from: string[]): string {
  const id = `o:${count++}`;
  nodes.push(node(id, parent, 'op', type, shape));
  for (const each of from.length ? from : [last]) edges.push({ from: each, to: id, shape });
  return (last = id);
}

op('index_at', 'm:token', [32, 64, 128]);
for (let block = 0; block < BLOCKS; block++) {
  const path = `m:blocks.${block}`;
  nodes.push(node(path, 'm:blocks', 'module', 'TransformerEncoderLayer'));
  for (const [name, type] of [['norm1', 'LayerNorm'], ['self_attn', 'MultiheadAttention'], ['linear1', 'Linear'], ['linear2', 'Linear']]) {
    nodes.push(node(`${path}.${name}`, path, 'module', type));
  }
  const start = last;
  op('normalize', `${path}.norm1`, [32, 64, 128]);
  op('matmul', `${path}.self_attn`, [32, 64, 384]);
  op('attention_core', `${path}.self_attn`, [32, 4, 64, 32]);
  op('matmul', `${path}.self_attn`, [32, 64, 128]);
  const middle = op('add', path, [32, 64, 128], start, last);
  op('matmul', `${path}.linear1`, [32, 64, 512]);
  op('gelu', path, [32, 64, 512]);
  op('matmul', `${path}.linear2`, [32, 64, 128]);
  op('add', path, [32, 64, 128], middle, last);
}
nodes.push(node('m:head', '', 'module', 'Linear'));
op('matmul', 'm:head', [32, 64, 103]);
op('nll_of_logits', '', [2048]);
op('mean', '', []);

export const graph: Sample[] = [{ message: { op: 'graph', run: 'a', seq: 9, step: 1, nodes, edges }, buffers: [] }];
