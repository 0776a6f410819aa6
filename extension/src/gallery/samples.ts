/** Every sample message of the gallery, in the order a kernel would send them. */
import { Sample } from './encode';
import { training } from './training';

export const SAMPLES: Sample[] = [...training];
