/** Pictures of a view as files, made in the page: no server and no library take part. */

/** Where a view can be saved from; a missing function leaves its button out. */
export interface Pictures {
  svg?: () => SVGSVGElement | null;
  png?: () => HTMLCanvasElement | null;
}

function download(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own reference by then; releasing in the same task cancels it in some browsers.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Saves a drawing as it stands, with the computed colours of the theme written into it. */
export function saveSvg(name: string, picture: SVGSVGElement): void {
  const copy = picture.cloneNode(true) as SVGSVGElement;
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const originals = picture.querySelectorAll<SVGElement>('*');
  copy.querySelectorAll<SVGElement>('*').forEach((element, index) => {
    const style = getComputedStyle(originals[index]);
    for (const name of ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'opacity', 'font-family', 'font-size', 'font-weight']) {
      element.style.setProperty(name, style.getPropertyValue(name));
    }
  });
  download(`${name}.svg`, new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' }));
}

/** Saves a canvas over an opaque background. */
export function savePng(name: string, picture: HTMLCanvasElement, background: string): void {
  const canvas = document.createElement('canvas');
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.fillStyle = background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  canvas.toBlob(blob => blob && download(`${name}.png`, blob), 'image/png');
}
