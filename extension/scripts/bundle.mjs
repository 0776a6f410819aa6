/**
 * Bundles for pages other than JupyterLab: the anywidget module, with its style sheet inside.
 *
 * `node scripts/bundle.mjs widget` writes ../workbench/static/widget.js, and layout.js beside it.
 */
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { worker } from './worker.mjs';

const path = relative => fileURLToPath(new URL(relative, import.meta.url));

/** `import css from 'wb:style'` is the whole style sheet as text, with its @imports resolved. */
export const styleSheet = {
  name: 'wb:style',
  setup(builder) {
    builder.onResolve({ filter: /^wb:style$/ }, () => ({ path: path('../style/index.css'), namespace: 'wb-style' }));
    builder.onLoad({ filter: /.*/, namespace: 'wb-style' }, async ({ path: entry }) => {
      const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, write: false });
      return { contents: outputFiles[0].text, loader: 'text' };
    });
  }
};

/** What the widget and the gallery have in common. */
export const common = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  loader: { '.css': 'text', '.wasm': 'binary' },
  plugins: [styleSheet],
  logLevel: 'warning'
};

/**
 * Graphviz is larger than all the rest together, and anywidget sends the bundle anew for every widget. So the widget
 * asks its kernel for the worker when a graph is first drawn (`layout` in src/widget.ts); here it becomes a file.
 */
const workerApart = {
  name: 'wb:worker-apart',
  setup(builder) {
    builder.onResolve({ filter: /\/worker\.gen$/ }, ({ path: module }) => ({ path: module, namespace: 'wb-worker' }));
    builder.onLoad({ filter: /.*/, namespace: 'wb-worker' }, () => ({
      contents: "export default await globalThis[Symbol.for('workbench.layout')]();"
    }));
  }
};

if (process.argv[2] === 'widget') {
  const target = path('../../workbench/static/');
  await build({
    ...common,
    plugins: [...common.plugins, workerApart],
    minify: true,
    entryPoints: [path('../src/widget.ts')],
    outfile: `${target}widget.js`
  });
  await build({ ...worker, outfile: `${target}layout.js` });
}
