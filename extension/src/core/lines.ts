/**
 * Marks that tell curves apart: a colour with at least 3:1 against its theme's background, and a dash pattern,
 * so that colour is never the only difference. Okabe-Ito hues, two of them darkened for light backgrounds.
 */

export const LINES_LIGHT = ['#0072B2', '#D55E00', '#009E73', '#B0578A', '#A66F00', '#000000'];
export const LINES_DARK = ['#56B4E9', '#E69F00', '#2FC79B', '#CC79A7', '#F0E442', '#E8703A'];
export const DASHES: number[][] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [12, 5]];

export interface Mark {
  colour: string;
  dash: number[];
}

/** The mark of the n-th line of a chart. */
export function mark(index: number, dark: boolean): Mark {
  const colours = dark ? LINES_DARK : LINES_LIGHT;
  return { colour: colours[index % colours.length], dash: DASHES[index % DASHES.length] };
}
