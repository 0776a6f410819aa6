/**
 * Writes src/core/protocol.gen.ts from workbench/lab/protocol.json, the one source of both sides' messages.
 *
 * Every property of a message is required on the wire, which is why this small reader suffices where a general
 * JSON-schema translator would make everything optional. `x-buffers` becomes a table that the decoder interprets.
 */
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../workbench/lab/protocol.json', import.meta.url));
const TARGET = fileURLToPath(new URL('../src/core/protocol.gen.ts', import.meta.url));
const SCALARS = { string: 'string', number: 'number', integer: 'number', boolean: 'boolean', null: 'null' };

/** The TypeScript type of one schema. */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.enum) return schema.enum.map(value => JSON.stringify(value)).join(' | ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map(name => SCALARS[name]).join(' | ');
  if (schema.type === 'array') return `(${typeOf(schema.items)})[]`;
  if (schema.additionalProperties) return `Record<string, ${typeOf(schema.additionalProperties)}>`;
  return SCALARS[schema.type] ?? fail(`no TypeScript type for ${JSON.stringify(schema)}`);
}

function fail(text) {
  throw new Error(`protocol.json: ${text}`);
}

const comment = (text, indent = '') => (text ? `${indent}/** ${text} */\n` : '');
const pascal = name => name[0].toUpperCase() + name.slice(1);

function fields(properties) {
  return Object.entries(properties)
    .map(([name, schema]) => `${comment(schema.description, '  ')}  ${name}: ${typeOf(schema)};\n`)
    .join('');
}

function definition([name, schema]) {
  const head = comment(schema.description);
  if (!schema.properties) return `${head}export type ${name} = ${typeOf(schema)};\n`;
  return `${head}export interface ${name} {\n${fields(schema.properties)}}\n`;
}

/** One message: an interface whose discriminator holds the message's name. */
function message(discriminator, suffix) {
  return ([name, schema]) =>
    `${comment(schema.description)}export interface ${pascal(name)}${suffix} {\n` +
    `  ${discriminator}: ${JSON.stringify(name)};\n${fields(schema.properties)}}\n`;
}

/** `stats:f4[n,layers,5]` → a row of the buffer table; a star marks "the rest of the buffers". */
function bufferRow(text) {
  const [, name, dtype, shape, rest] = /^(\w+):(\w+)\[([^\]]*)\](\*?)$/.exec(text) ?? fail(`buffer ${text}`);
  const dims = rest ? [] : shape.split(',').map(dim => (/^\d+$/.test(dim) ? Number(dim) : dim));
  return { name, dtype, shape: dims, rest: rest === '*' };
}

function generate(schema) {
  const discriminator = schema['x-discriminator'];
  const union = (name, messages, suffix) =>
    `export type ${name} =\n${Object.keys(messages).map(key => `  | ${pascal(key)}${suffix}`).join('\n')};\n`;
  const buffers = Object.fromEntries(
    Object.entries(schema.toView).map(([name, each]) => [name, (each['x-buffers'] ?? []).map(bufferRow)])
  );
  return [
    '/** Generated from workbench/lab/protocol.json by `npm run protocol`: edit that file instead. */\n',
    `export const VERSION = ${schema.version};\n`,
    `export const TARGETS = ${JSON.stringify(schema['x-targets'], null, 2)} as const;\n`,
    ...Object.entries(schema.$defs).map(definition),
    ...Object.entries(schema.toView).map(message(discriminator, 'Message')),
    union('ToView', schema.toView, 'Message'),
    ...Object.entries(schema.toKernel).map(message(discriminator, 'Request')),
    union('ToKernel', schema.toKernel, 'Request'),
    'export type Dtype = "f8" | "f4" | "u4" | "u1";\n',
    'export interface BufferSpec {\n  name: string;\n  dtype: Dtype;\n  shape: (number | string)[];\n  rest: boolean;\n}\n',
    `export const BUFFERS: Record<ToView["${discriminator}"], BufferSpec[]> = ${JSON.stringify(buffers, null, 2)};\n`
  ].join('\n');
}

const text = generate(JSON.parse(readFileSync(SOURCE, 'utf8')));
// Left untouched when nothing changed, so that watchers do not rebuild.
if (!existsSync(TARGET) || readFileSync(TARGET, 'utf8') !== text) writeFileSync(TARGET, text);
