/**
 * The views there are, in the order of their tabs. Adding one is a file beside this and a row here.
 */
import { ViewEntry } from '../core/view';
import { mountCurves } from './curves';

export const VIEWS: ViewEntry[] = [{ name: 'curves', title: 'Curves', streams: ['series'], mount: mountCurves }];

/** The entry of a view by name, if there is one. */
export function viewEntry(name: string): ViewEntry | undefined {
  return VIEWS.find(entry => entry.name === name);
}
