/** A view, or the dashboard of all of them, by the name that an output or a widget carries. */
import { h } from '../core/dom';
import { mountView } from '../core/mount';
import { Store } from '../core/store';
import { Transport, ViewName } from '../core/view';
import { viewEntry } from '.';
import { mountDashboard } from './dashboard';
import { mountToolbar } from './toolbar';

/** Mounts `dashboard`, or one view under the toolbar of its run; an unknown name gives the dashboard. */
export function mountNamed(element: HTMLElement, name: string, store: Store, transport: Transport): () => void {
  const entry = viewEntry(name);
  if (!entry) return mountDashboard(element, store, transport, name as ViewName).unmount;
  const bar = h('div');
  const body = h('div');
  element.append(bar, body);
  const unmountBar = mountToolbar(bar, store, transport, { picker: false });
  const unmountView = mountView(body, entry, store, transport);
  return () => {
    unmountView();
    unmountBar();
    bar.remove();
    body.remove();
  };
}
