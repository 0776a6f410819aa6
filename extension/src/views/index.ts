/**
 * The views there are, in the order of their tabs. Adding one is a file beside this and a row here.
 */
import { ViewEntry } from '../core/view';
import { mountActivations } from './activations';
import { mountAttention } from './attention';
import { mountCurves } from './curves';
import { mountGradflow } from './gradflow';
import { mountGraph } from './graph';

export const VIEWS: ViewEntry[] = [
  { name: 'curves', title: 'Curves', streams: ['series'], mount: mountCurves },
  { name: 'graph', title: 'Graph', streams: ['graph'], mount: mountGraph },
  { name: 'gradflow', title: 'Gradients', streams: ['gradflow'], mount: mountGradflow },
  { name: 'activations', title: 'Activations', streams: ['activations'], mount: mountActivations },
  { name: 'attention', title: 'Attention', streams: ['attention'], mount: mountAttention }
];

/** The entry of a view by name, if there is one. */
export function viewEntry(name: string): ViewEntry | undefined {
  return VIEWS.find(entry => entry.name === name);
}
