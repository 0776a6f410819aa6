/** The variables of JupyterLab's two standard themes that the views use. */
export const THEMES = {
  light: {
    '--jp-layout-color1': '#ffffff',
    '--jp-layout-color2': '#eeeeee',
    '--jp-ui-font-color1': 'rgba(0, 0, 0, 0.87)',
    '--jp-brand-color1': '#1976d2',
    '--jp-ui-font-family': 'system-ui, sans-serif',
    '--jp-code-font-family': 'monospace',
    '--jp-ui-font-size1': '13px'
  },
  dark: {
    '--jp-layout-color1': '#111111',
    '--jp-layout-color2': '#212121',
    '--jp-ui-font-color1': 'rgba(255, 255, 255, 1)',
    '--jp-brand-color1': '#2196f3',
    '--jp-ui-font-family': 'system-ui, sans-serif',
    '--jp-code-font-family': 'monospace',
    '--jp-ui-font-size1': '13px'
  }
};
