/**
 * Colours of the page around a view, for code that paints on a canvas (everything else uses the --wb-* variables).
 *
 * The same view lives in JupyterLab (--jp-*), VS Code (--vscode-*) and bare pages (prefers-color-scheme); style/
 * maps these onto --wb-* once, and this file reads the result where it is drawn.
 */

export interface Theme {
  dark: boolean;
  background: string;
  text: string;
  muted: string;
  line: string;
  accent: string;
  font: string;
}

/** 0 (black) to 1 of a computed colour: `rgb(...)` counts to 255, `color(srgb ...)`, from color-mix, to 1. */
function brightness(colour: string): number {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? ['255', '255', '255']).map(Number);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / (colour.startsWith('color(') ? 1 : 255);
}

/** The colours at an element as they are now. */
export function themeOf(element: HTMLElement): Theme {
  const style = getComputedStyle(element);
  // A probe element turns any CSS colour, variables and system colours included, into rgb().
  const probe = element.ownerDocument.createElement('span');
  element.append(probe);
  const colour = (variable: string, fallback: string): string => {
    probe.style.color = `var(${variable}, ${fallback})`;
    return getComputedStyle(probe).color || fallback;
  };
  const background = colour('--wb-background', '#ffffff');
  const theme: Theme = {
    background,
    dark: brightness(background) < 0.5,
    text: colour('--wb-text', '#1f1f1f'),
    muted: colour('--wb-muted', '#5f5f5f'),
    line: colour('--wb-line', '#d0d0d0'),
    accent: colour('--wb-accent', '#0060b0'),
    font: style.fontFamily || 'sans-serif'
  };
  probe.remove();
  return theme;
}

/** Calls back after the page changes between light and dark; the result stops it. */
export function onThemeChange(callback: () => void): () => void {
  // One frame later the new stylesheet has arrived: JupyterLab flips the attribute first.
  let frame = 0;
  const later = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => callback());
  };
  const observer = new MutationObserver(later);
  const attributeFilter = ['data-jp-theme-light', 'data-jp-theme-name', 'data-vscode-theme-kind', 'class', 'style'];
  observer.observe(document.body, { attributes: true, attributeFilter });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class', 'data-theme'] });
  const query = window.matchMedia?.('(prefers-color-scheme: dark)');
  query?.addEventListener('change', later);
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    query?.removeEventListener('change', later);
  };
}
