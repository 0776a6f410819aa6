/** Whether anyone can see an element: scrolled into view, its tab chosen, and the page in front. */

/** Tells `callback` now and at every change; the result stops it. */
export function watchVisible(element: HTMLElement, callback: (visible: boolean) => void): () => void {
  let onScreen = true;
  let last: boolean | null = null;
  const report = (): void => {
    const visible = onScreen && document.visibilityState !== 'hidden';
    if (visible !== last) callback((last = visible));
  };
  const observer =
    typeof IntersectionObserver === 'undefined'
      ? null
      : new IntersectionObserver(entries => {
          onScreen = entries[entries.length - 1].isIntersecting;
          report();
        });
  observer?.observe(element);
  document.addEventListener('visibilitychange', report);
  report();
  return () => {
    observer?.disconnect();
    document.removeEventListener('visibilitychange', report);
  };
}
