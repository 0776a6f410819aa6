/** Every sample message of the gallery, in the order a kernel would send them. */
import { activations } from './activations';
import { attention } from './attention';
import { Sample } from './encode';
import { gradflow } from './gradflow';
import { graph } from './graph';
import { training } from './training';

export const SAMPLES: Sample[] = [...training, ...gradflow, ...activations, ...attention, ...graph];
