/**
 * One HTML page with every view over sample data, for looking at and for screenshots; needs no kernel and no server.
 *
 * `npm run gallery -- page.html`, then open page.html#theme=dark&view=curves&state=empty (each part optional;
 * `state=wide`, `state=narrow`). Sample data lives in src/gallery/.
 */
import { build } from 'esbuild';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { common } from './bundle.mjs';

const target = process.argv[2] ?? 'gallery.html';
const { outputFiles } = await build({
  ...common,
  entryPoints: [fileURLToPath(new URL('../src/gallery/main.ts', import.meta.url))],
  write: false
});
const script = outputFiles[0].text.replaceAll('</script', '<\\/script');
writeFileSync(target, `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>workbench: every view</title></head>
<body><main></main><script type="module">${script}</script></body></html>
`);
