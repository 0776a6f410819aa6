/** Runs in a Web Worker: DOT in, SVG text out. Bundled with Graphviz into worker.gen.ts (scripts/worker.mjs). */
import { Graphviz } from '@hpcc-js/wasm-graphviz';

interface Scope {
  onmessage: ((event: MessageEvent<string>) => void) | null;
  postMessage(message: { svg?: string; problem?: string }): void;
}

const scope = self as unknown as Scope;

scope.onmessage = async ({ data }) => {
  try {
    const graphviz = await Graphviz.load();
    scope.postMessage({ svg: graphviz.layout(data, 'svg', 'dot') });
  } catch (problem) {
    scope.postMessage({ problem: String(problem) });
  }
};
