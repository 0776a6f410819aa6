/** The mark of the panel, in the colours of JupyterLab's theme. */
import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round">
    <path d="M1.8 2v12h12.4"/>
    <path d="M3.8 4c1.4 6 3.6 7.2 10 7.6"/>
  </g>
  <g class="jp-icon3" fill="#616161"><circle cx="7" cy="9.6" r="1.5"/><circle cx="11.6" cy="4.6" r="1.5"/></g>
</svg>`;

export const icon = new LabIcon({ name: 'neural-workbench:icon', svgstr: SVG });
