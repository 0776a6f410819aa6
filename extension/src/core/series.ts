/**
 * Scalar curves of one run: growing columns that share one axis of steps.
 *
 * Rows are keyed by step. Merging is idempotent, so that a frame seen twice, a value logged late for a known step and
 * a stretch pulled at full resolution all end in the same place. NaN means that a curve has no value at that step.
 */

export class Series {
  names: string[] = [];
  length = 0;
  /** Grows with every change, so that a view can tell whether it has to draw again. */
  version = 0;
  private axis = new Float64Array(1024);
  private data: Float32Array[] = [];

  /** Steps, ascending; a view on the live buffer, valid until the next merge. */
  get steps(): Float64Array {
    return this.axis.subarray(0, this.length);
  }

  /** Values of one curve; a view like `steps`. Empty when there is no such curve. */
  column(name: string): Float32Array {
    const index = this.names.indexOf(name);
    return index < 0 ? new Float32Array(0) : this.data[index].subarray(0, this.length);
  }

  /** The last number a curve had, or null. */
  last(name: string): number | null {
    const column = this.column(name);
    for (let index = column.length - 1; index >= 0; index--) if (!Number.isNaN(column[index])) return column[index];
    return null;
  }

  clear(): void {
    this.length = 0;
    this.names = [];
    this.data = [];
    this.version++;
  }

  /** Takes rows with ascending steps; `values` is row major, names x rows. */
  merge(names: readonly string[], steps: Float64Array, values: Float32Array): void {
    names.forEach(name => this.addColumn(name));
    const columns = names.map((name, index) => ({
      target: this.names.indexOf(name),
      values: values.subarray(index * steps.length, (index + 1) * steps.length)
    }));
    const appends = !this.length || (steps.length > 0 && steps[0] > this.axis[this.length - 1]);
    if (appends) this.append(steps, columns);
    else this.interleave(steps, columns);
    this.version++;
  }

  private addColumn(name: string): void {
    if (this.names.includes(name)) return;
    this.names.push(name);
    this.data.push(new Float32Array(this.axis.length).fill(NaN));
  }

  private append(steps: Float64Array, columns: { target: number; values: Float32Array }[]): void {
    const start = this.length;
    this.reserve(start + steps.length);
    this.axis.set(steps, start);
    this.data.forEach(column => column.fill(NaN, start, start + steps.length));
    columns.forEach(({ target, values }) => this.data[target].set(values, start));
    this.length += steps.length;
  }

  /** The general case: a sorted merge in which new numbers win and holes take nothing away. */
  private interleave(steps: Float64Array, columns: { target: number; values: Float32Array }[]): void {
    const oldAxis = this.steps.slice();
    const oldData = this.data.map(column => column.slice(0, this.length));
    this.reserve(this.length + steps.length);
    let row = 0;
    for (let old = 0, fresh = 0; old < oldAxis.length || fresh < steps.length; row++) {
      const oldStep = old < oldAxis.length ? oldAxis[old] : Infinity;
      const newStep = fresh < steps.length ? steps[fresh] : Infinity;
      const step = Math.min(oldStep, newStep);
      this.axis[row] = step;
      this.data.forEach((column, index) => (column[row] = oldStep === step ? oldData[index][old] : NaN));
      if (newStep === step) {
        for (const { target, values } of columns) {
          if (!Number.isNaN(values[fresh])) this.data[target][row] = values[fresh];
        }
        fresh++;
      }
      if (oldStep === step) old++;
    }
    this.length = row;
  }

  private reserve(rows: number): void {
    if (rows <= this.axis.length) return;
    const capacity = Math.max(rows, this.axis.length * 2);
    const axis = new Float64Array(capacity);
    axis.set(this.axis);
    this.axis = axis;
    this.data = this.data.map(column => {
      const grown = new Float32Array(capacity);
      grown.set(column);
      return grown;
    });
  }
}
