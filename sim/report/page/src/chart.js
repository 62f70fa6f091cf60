// The two charts with axes: uPlot, with colours that follow the theme.
import uPlot from 'uplot';
import { h } from './dom.js';
import { failovers, messageRates } from './data.js';
import { colour, isPrinting, kPaper, onPrint, onThemeChange, policyStroke } from './theme.js';

const kHeight = 200;

class Chart {
  constructor(title, note) {
    this.box = h('div', { class: 'chart' });
    this.element = h('figure', {}, h('figcaption', {}, h('h3', {}, title),
      h('p', { class: 'muted small' }, note)), this.box);
    new ResizeObserver(() => this.fit()).observe(this.box);
    // The marks of the legend take their colour when the chart is made.
    onThemeChange(() => this.plot && this.show(this.options, this.data));
    onPrint(() => this.fit());
  }

  fit() {
    const width = isPrinting() ? kPaper / 2 - 10 : Math.floor(this.box.clientWidth);
    if (this.plot && width > 50 && width !== this.plot.width) {
      this.plot.setSize({ width, height: kHeight });
    }
  }

  show(options, data) {
    this.plot?.destroy();
    this.options = options;
    this.data = data;
    const width = isPrinting() ? kPaper / 2 - 10
      : Math.max(200, Math.floor(this.box.clientWidth) || 400);
    this.plot = new uPlot({ width, height: kHeight, ...options }, data, this.box);
  }
}

function axis(label, values, more = {}) {
  return {
    label, labelSize: 18, labelGap: 0, labelFont: '11px system-ui, sans-serif', values,
    stroke: () => colour('muted'), font: '11px system-ui, sans-serif',
    grid: { stroke: () => colour('grid'), width: 1 }, ticks: { stroke: () => colour('grid') },
    ...more,
  };
}

function series(policies, more) {
  return policies.map((policy, number) => {
    const stroke = policyStroke(number);
    return {
      label: policy.name, stroke: () => colour(stroke.colour), dash: stroke.dash,
      width: policy.name === 'vouch' ? 2.5 : 1.75, points: { show: false }, ...more,
    };
  });
}

/** How failover times are distributed over the seeds: cumulative shares. */
export class FailoverChart extends Chart {
  constructor() {
    super('Failover over the seeds', 'Share of the runs that had a usable leader again within so ' +
      'many seconds of losing it. A line that stays below 100 %: some runs never had one again.');
  }

  draw(scenario) {
    const all = scenario.policies.map((policy) => failovers(scenario, policy));
    const finite = all.flat().filter(Number.isFinite);
    const greatest = Math.max(1, ...finite) * 1.08;
    const times = [...new Set([0, ...finite, greatest])].sort((a, b) => a - b);
    const shares = all.map((values) => times.map((time) =>
      (100 * values.filter((value) => value <= time).length) / values.length));
    this.show({
      scales: { x: { time: false }, y: { range: [0, 104] } },
      series: [{ label: 'within', value: (_, v) => (v === null ? '' : `${v.toFixed(2)} s`) },
        ...series(scenario.policies, {
          paths: uPlot.paths.stepped({ align: 1 }),
          value: (_, v) => (v === null ? '' : `${Math.round(v)} %`),
        })],
      axes: [axis('seconds', undefined, { size: 30 }), axis('% of the runs', undefined)],
      cursor: { drag: { x: false, y: false } },
    }, [times.map((ms) => ms / 1000), ...shares]);
  }
}

/** What the network carries over the run. */
export class RateChart extends Chart {
  constructor(store) {
    super('Messages', 'Per node and second, lost ones included, in the run of the first seed.');
    this.store = store;
    this.box.addEventListener('click', () => {
      const at = this.plot?.posToVal(this.plot.cursor.left, 'x');
      if (Number.isFinite(at)) this.store.set({ t: Math.round(at * 1e6), follow: true });
    });
  }

  draw(scenario) {
    const rates = scenario.policies.map((policy) => messageRates(scenario, policy.recording));
    this.show({
      scales: {
        x: { time: false, range: [0, scenario.end / 1e6] },
        y: { range: (_, low, high) => [0, Math.max(10, high * 1.1)] },
      },
      series: [{ label: 'at', value: (_, v) => (v === null ? '' : `${v.toFixed(2)} s`) },
        ...series(scenario.policies, { value: (_, v) => (v === null ? '' : String(v)) })],
      axes: [axis('seconds', undefined, { size: 30 }), axis('messages', undefined)],
      cursor: { drag: { x: false, y: false } },
      hooks: {
        drawClear: [(plot) => this.band(plot, scenario)],
        draw: [(plot) => this.cursor(plot)],
      },
    }, [rates[0][0], ...rates.map(([, values]) => values)]);
  }

  band(plot, scenario) {
    const { ctx, bbox } = plot;
    const x1 = plot.valToPos(scenario.fault_from / 1e6, 'x', true);
    const x2 = plot.valToPos(scenario.fault_until / 1e6, 'x', true);
    ctx.save();
    ctx.fillStyle = colour('fault-band');
    ctx.fillRect(x1, bbox.top, x2 - x1, bbox.height);
    ctx.restore();
  }

  cursor(plot) {
    const { ctx, bbox } = plot;
    const x = plot.valToPos(this.store.state.t / 1e6, 'x', true);
    ctx.save();
    ctx.strokeStyle = colour('cursor');
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  moveCursor() {
    this.plot?.redraw(false);
  }
}
