/**
 * Bundles for pages other than JupyterLab: the anywidget module, with its style sheet inside.
 *
 * `node scripts/bundle.mjs widget` writes ../workbench/static/widget.js.
 */
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

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

if (process.argv[2] === 'widget') {
  await build({ ...common, minify: true, entryPoints: [path('../src/widget.ts')], outfile: path('../../workbench/static/widget.js') });
}
