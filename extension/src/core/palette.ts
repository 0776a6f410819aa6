/**
 * Colours for numbers: cividis, which reads the same with every kind of colour vision and in grey; blue, white, orange
 * for numbers with a middle; and the sign for what is not a number. Lines of curves have their own marks (lines.ts).
 */

export type Colour = [number, number, number];

const ANCHORS: Colour[] = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]
];

/** NaN and Inf: a magenta that cividis does not contain; drawn hatched, so that it is not told by colour alone. */
export const BROKEN: Colour = [204, 0, 153];

/** Below the middle, at it, above it: Okabe and Ito's blue and vermilion, darkened at the ends. */
const SIDES: Colour[] = [[0, 68, 136], [0, 114, 178], [126, 181, 216], [240, 240, 238], [240, 184, 126], [213, 94, 0], [140, 52, 0]];

/** 256 colours on straight lines between anchors. */
function ramp(anchors: Colour[]): Colour[] {
  return Array.from({ length: 256 }, (_, index) => {
    const place = (index / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(place), anchors.length - 2);
    return anchors[low].map((value, channel) => Math.round(value + (place - low) * (anchors[low + 1][channel] - value))) as Colour;
  });
}

/** From dark blue to yellow. */
export const CIVIDIS: Colour[] = ramp(ANCHORS);

/** From blue through white to orange. */
export const DIVERGING: Colour[] = ramp(SIDES);

/** The colour of a share between 0 and 1 in a scale of 256. */
export function shade(scale: Colour[], share: number): Colour {
  return scale[Math.min(255, Math.max(0, Math.round(share * 255)))];
}

/** The colour of a share between 0 and 1. */
export function cividis(share: number): Colour {
  return CIVIDIS[Math.min(255, Math.max(0, Math.round(share * 255)))];
}

export function css([red, green, blue]: Colour): string {
  return `rgb(${red}, ${green}, ${blue})`;
}

/** The same colours as CSS gradients, for legends. */
export const CIVIDIS_GRADIENT = `linear-gradient(to right, ${ANCHORS.map(css).join(', ')})`;
export const DIVERGING_GRADIENT = `linear-gradient(to right, ${SIDES.map(css).join(', ')})`;

/** Relative luminance as WCAG defines it. */
function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map(part => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two colours, 1 to 21. */
export function contrast(one: Colour, other: Colour): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** `#0072B2` as numbers. */
export function hex(text: string): Colour {
  return [1, 3, 5].map(start => parseInt(text.slice(start, start + 2), 16)) as Colour;
}
