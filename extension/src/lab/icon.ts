/** The mark of the panel, in the colours of JupyterLab's theme. */
import { LabIcon } from '@jupyterlab/ui-components';

// Filled shapes only: the theme's class sets fills, also of lines.
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161">
    <path d="M1 1h1.5v12.5H15V15H1z"/>
    <path d="M4 2.6 5.4 2.3C6 7.2 8.6 9.9 14.6 10.5l-.1 1.4C7.9 11.3 4.7 8.2 4 2.6z"/>
    <circle cx="11.8" cy="4.2" r="1.8"/>
  </g>
</svg>`;

export const icon = new LabIcon({ name: 'neural-workbench:icon', svgstr: SVG });
