/** The distribution of a column, with the part that is chosen. */

import { svg } from "../../dom.js";

const WIDE = 100;
const TALL = 34;

export class Histogram {
  /** @param {{edges: number[], counts: number[]}} histogram of the column. */
  constructor({ edges, counts }) {
    this.edges = edges;
    const most = Math.max(...counts, 1);
    const width = WIDE / Math.max(counts.length, 1);
    this.bins = counts.map((count, bin) => {
      // the root, so that few among many are still seen
      const height = count ? Math.max(Math.sqrt(count / most) * (TALL - 1), 1) : 0;
      return svg("rect", { class: "bin", x: bin * width, y: TALL - height, width: width * 0.9, height });
    });
    const box = { class: "histogram", viewBox: `0 0 ${WIDE} ${TALL}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    this.element = svg("svg", box, ...this.bins);
  }

  /** Mark the bins that lie in a range. */
  mark([low, high]) {
    this.bins.forEach((bin, place) => {
      const middle = (this.edges[place] + this.edges[place + 1]) / 2;
      const [first, last] = [place === 0, place === this.bins.length - 1];
      const inside = (middle >= low || (last && high > this.edges[place])) && (middle <= high || (first && low < this.edges[1]));
      bin.classList.toggle("in", inside && !(last && low > this.edges[place + 1]) && !(first && high < this.edges[0]));
    });
  }
}
