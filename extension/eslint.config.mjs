/** Rules that the compiler does not check; the import rule keeps the views free of any one host. */
import js from '@eslint/js';
import ts from 'typescript-eslint';

const HOSTS = ['@jupyterlab/*', '@jupyter/*', '@lumino/*', '@anywidget/*'];

export default ts.config(
  { ignores: ['lib/', 'node_modules/', 'src/**/*.gen.ts'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  {
    rules: {
      'max-lines': ['error', 600],
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn', 'error'] }]
    }
  },
  {
    files: ['src/core/**', 'src/views/**', 'src/graph/**'],
    rules: {
      'no-restricted-imports': ['error', {
        patterns: [
          { group: HOSTS, message: 'core/, views/ and graph/ run in any page: only lab/ and widget.ts know a host.' },
          { group: ['**/lab/*'], message: 'Views know nothing of lab/.' }
        ]
      }],
      'no-restricted-properties': ['error',
        { property: 'innerHTML', message: 'Strings from a kernel are text, never HTML: see core/dom.ts.' },
        { property: 'outerHTML', message: 'Strings from a kernel are text, never HTML: see core/dom.ts.' }]
    }
  },
  { files: ['scripts/**', '*.mjs'], languageOptions: { globals: { URL: 'readonly', process: 'readonly', console: 'readonly' } } }
);
