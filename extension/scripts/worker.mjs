/**
 * Bundles the layout worker with Graphviz into src/graph/worker.gen.ts, a module that is one string.
 *
 * A string can be made a worker from a blob in every host: no file to serve, no CDN. It is imported on first use only.
 */
import { build } from 'esbuild';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = relative => fileURLToPath(new URL(relative, import.meta.url));

/** How the worker is built, also as a file of its own for the widget (bundle.mjs). */
export const worker = {
  entryPoints: [path('../src/graph/worker.ts')],
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022'
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { outputFiles } = await build({ ...worker, write: false });
  const text = JSON.stringify(outputFiles[0].text);
  const module = `/** Made by scripts/worker.mjs. */\nconst source: string = ${text};\nexport default source;\n`;
  writeFileSync(path('../src/graph/worker.gen.ts'), module);
}
