/** DOT that no name can break out of, and pictures in which no name can run. */
import { describe, expect, it } from 'vitest';
import { GRAPHS } from '../gallery/graph';
import { collapse, initiallyOpen } from './collapse';
import { labelOf, quote, toDot } from './dot';
import { Layout } from './layout';
import { adopt } from './svg';

const pictureOf = (name: keyof typeof GRAPHS): ReturnType<typeof collapse> => {
  const graph = GRAPHS[name]();
  return collapse(graph, { open: initiallyOpen(graph), unfolded: new Set(), parameters: true });
};

describe('toDot', () => {
  it('quotes what would end a string', () => {
    expect(quote('a "b" \\N\nc')).toBe('"a \\"b\\" \\\\N\\nc"');
    expect(quote('nul\u0000tab\thalf\ud800')).toBe('"nul tab half "');
  });

  it('says name, type, shape, repeats and the value of a number', () => {
    const labels = pictureOf('transformer').nodes.map(labelOf);
    expect(labels).toContain('TransformerEncoderLayer × 24\n0 … 23');
    expect(labels).toContain('head: Linear\n32 × 64 × 103');
    expect(labels).toContain('mean = 4.137');
    expect(pictureOf('cnn').nodes.map(labelOf)).toContain('log\n64 × 10\n✕ not a number');
  });

  it('holds no colours: those come from the theme', () => {
    expect(toDot(pictureOf('mlp'))).not.toMatch(/(?<!bg)color=|#[0-9a-f]{6}/);
  });

  it('gives every node and edge an id of its own', () => {
    const picture = pictureOf('mlp');
    const dot = toDot(picture);
    picture.nodes.forEach((_, index) => expect(dot).toContain(`id="wb-node-${index}"`));
    picture.edges.forEach((_, index) => expect(dot).toContain(`id="wb-edge-${index}"`));
  });
});

describe('the laid out picture', () => {
  it('shows hostile names as text', async () => {
    // No Worker here, as on a page whose policy forbids them: the same script runs on this thread.
    const svg = adopt((await new Layout().svg(toDot(pictureOf('names'))))!);
    expect(svg.querySelectorAll('g.node')).toHaveLength(4);
    expect(svg.textContent).toContain('<img src=x onerror=alert(1)>');
    expect(svg.textContent).toContain('b"]; evil [label="x');
    expect(svg.querySelector('script, img, a, image, foreignObject')).toBeNull();
  });

  it('leaves scripts, links, handlers and styles of an SVG behind', () => {
    const svg = adopt(
      '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"><script>x()</script><a href="javascript:x()"><text>t</text></a>' +
        '<g id="wb-node-0" style="fill:url(//host)" onclick="x()"><text x="1">name</text><image href="//host/p"/></g></svg>'
    );
    expect(new XMLSerializer().serializeToString(svg)).not.toMatch(/script|href=|onload|onclick|style|image|host/);
    expect(svg.querySelector('#wb-node-0 text')?.textContent).toBe('name');
  });

  it('refuses what is no picture', () => {
    expect(() => adopt('<p>no</p>')).toThrow('no picture');
  });

  it('lets only the last of several requests through', async () => {
    const layout = new Layout(async () => 'self.onmessage = ({ data }) => setTimeout(() => self.postMessage({ svg: data }), 5)');
    expect(await Promise.all([layout.svg('one'), layout.svg('two')])).toEqual([null, 'two']);
    const slow = layout.svg('three');
    await new Promise(resolve => setTimeout(resolve, 1));
    expect(await Promise.all([slow, layout.svg('four')])).toEqual([null, 'four']);
  });

  it('passes on why a layout failed', async () => {
    const layout = new Layout(async () => 'self.onmessage = () => self.postMessage({ problem: "syntax error" })');
    await expect(layout.svg('x')).rejects.toThrow('syntax error');
  });
});
