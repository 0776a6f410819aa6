/**
 * The gallery page: every view over sample data, in JupyterLab's light or dark colours.
 *
 * The hash chooses: theme=light|dark, view=<name>|dashboard, state=full|empty|narrow.
 */
import css from 'wb:style';
import { Store } from '../core/store';
import { Transport } from '../core/view';
import { mountDashboard } from '../views/dashboard';
import { VIEWS } from '../views';
import { storeOf } from './encode';
import { SAMPLES } from './samples';
import { THEMES } from './themes';

const wanted = new URLSearchParams(location.hash.slice(1));
const dark = wanted.get('theme') === 'dark';
const state = wanted.get('state') ?? 'full';

const transport: Transport = { kind: 'panel', send: message => document.dispatchEvent(new CustomEvent('wb-sent', { detail: message })) };

document.body.dataset.jpThemeLight = String(!dark);
for (const [name, value] of Object.entries(THEMES[dark ? 'dark' : 'light'])) document.documentElement.style.setProperty(name, value);
document.body.style.cssText = `margin: 0; padding: 12px; background: ${THEMES[dark ? 'dark' : 'light']['--jp-layout-color1']}`;
const style = document.createElement('style');
style.textContent = css;
document.head.append(style);

const main = document.querySelector('main')!;

if (state === 'narrow') main.style.width = '360px';
const store = state === 'empty' ? new Store() : storeOf(SAMPLES);
if (wanted.get('view') === 'dashboard') mountDashboard(main, store, transport);
for (const view of VIEWS) {
  if (wanted.has('view') && wanted.get('view') !== view.name) continue;
  const box = document.createElement('div');
  main.append(box);
  view.mount(box, store, transport);
}

// For scripts that drive the page: more messages go in the way they would from a kernel.
Object.assign(globalThis, { workbenchGallery: { store } });
