// The policies side by side.
import { h, s, put } from './dom.js';
import { availabilities, failovers, lengthText, millisText, quantile } from './data.js';
import { FailoverChart, RateChart } from './chart.js';
import { policyStroke } from './theme.js';

export class Compare {
  constructor(store) {
    this.store = store;
    this.table = h('table', { class: 'compare' });
    this.misses = h('div', { class: 'misses' });
    this.failover = new FailoverChart();
    this.rates = new RateChart(store);
    this.note = h('p', { class: 'muted small' });
    this.clients = h('table', { class: 'compare clients' });
    this.clientNote = h('p', { class: 'muted small' });
    this.clientPart = h('div', {}, h('h3', {}, 'What clients saw'), this.clients, this.clientNote);
    this.element = h('section', { class: 'panel' }, h('h2', {}, 'The policies compared'),
      this.table, this.note, this.misses, this.clientPart,
      h('div', { class: 'charts' }, this.failover.element, this.rates.element));
  }

  draw() {
    const { scenario } = this.store.state;
    const head = ['policy', 'usable leader over the run', 'available', 'failover', 'elections',
      'needless', 'new terms', 'split lease', 'messages', 'outcome'];
    put(this.table, h('thead', {}, h('tr', {}, head.map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, scenario.policies.map((policy, number) => this.row(policy, number))));
    const runs = scenario.policies[0].runs;
    const first = scenario.policies[0].first_seed;
    put(this.note, runs === 1
      ? `One run, seed ${first}; --runs 100 shows how the figures are distributed. `
      : `Medians over ${runs} runs, seeds ${first} to ${first + runs - 1}; worst run in grey. `,
    'Available: share of the fault phase with a usable leader, that is one which leads, holds its ',
    'lease if the policy has leases, and reaches a majority both ways. Needless: elections that ',
    'began while there was one. Messages: per node and second in the fault phase.');
    this.drawMisses(scenario);
    this.drawClients(scenario);
    this.failover.element.hidden = runs === 1;
    this.rates.draw(scenario);
    if (runs > 1) this.failover.draw(scenario);
    this.mark();
  }

  row(policy, number) {
    const { scenario } = this.store.state;
    const measure = (name) => policy.measures[name];
    const cell = (label, content, more = {}) => h('td', { 'data-label': label, ...more }, content);
    const counted = (label, name, isBad) => {
      const [median, worst] = [quantile(measure(name), 0.5), Math.max(...measure(name))];
      return cell(label, twice(String(median), worst !== median && String(worst)),
        { class: `number${isBad && worst > 0 ? ' bad' : ''}` });
    };
    const available = availabilities(scenario, policy);
    const times = failovers(scenario, policy);
    const split = Math.max(...measure('split_lease_ms'));
    const verdict = verdictOf(policy);
    return h('tr', {
      'data-policy': policy.name,
      onclick: () => this.store.set({ policy }),
    },
    h('th', { scope: 'row' }, swatch(number), h('button', { class: 'link', type: 'button' },
      policy.name.split('+').flatMap((part, index) => (index > 0 ? ['+', h('wbr'), part] : part)))),
    h('td', { class: 'strip', 'data-label': 'usable leader' }, strip(scenario, policy)),
    cell('available', twice(percent(quantile(available, 0.5)),
      Math.min(...available) < quantile(available, 0.5) && percent(Math.min(...available))),
    { class: `number${quantile(available, 0.5) < 50 ? ' bad' : ''}` }),
    cell('failover', twice(failoverText(quantile(times, 0.5)),
      Math.max(...times) !== quantile(times, 0.5) && failoverText(Math.max(...times))),
    { class: `number${Math.max(...times) === Infinity ? ' bad' : ''}` }),
    counted('elections', 'elections'),
    counted('needless', 'unnecessary_elections', true),
    counted('new terms', 'term_growth'),
    cell('split lease', split > 0 ? millisText(split) : '0', {
      class: `number${split > 0 ? ' bad' : ''}`,
    }),
    counted('messages', 'messages_per_node_second'),
    cell('outcome', verdict, { class: `outcome ${verdict.replace(' ', '-')}` }));
  }

  /** Availability, longest gap and wrong leaders as the clients of the scenario saw them. */
  drawClients(scenario) {
    this.clientPart.hidden = scenario.clients === 0;
    const columns = [
      ['available', (policy) => policy.clients_available_per_million, 'least',
        (value) => percent(value / 1e4)],
      ['longest gap', (policy) => policy.measures.client_longest_gap_ms, 'most', gapText],
      ['down after the heal', (policy) => policy.measures.client_unavailable_after_ms, 'most',
        gapText],
      ['wrong leader', (policy) => policy.measures.wrong_leader_requests, 'most', String],
      ['no leader', (policy) => policy.measures.not_leader_requests, 'most', String],
      ['useless front ends', (policy) => policy.measures.useless_front_end_ms, 'most', gapText],
    ];
    put(this.clients, h('thead', {}, h('tr', {}, ['policy', ...columns.map(([name]) => name)]
      .map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, scenario.policies.map((policy, number) => h('tr', {
      'data-policy': policy.name,
      onclick: () => this.store.set({ policy }),
    }, h('th', { scope: 'row' }, swatch(number), policy.name),
    columns.map(([name, valuesOf, worstIs, text]) => {
      const values = valuesOf(policy);
      const median = quantile(values, 0.5);
      const worst = worstIs === 'least' ? Math.min(...values) : Math.max(...values);
      const isBad = name === 'wrong leader' && worst > 0;
      return h('td', { 'data-label': name, class: `number${isBad ? ' bad' : ''}` },
        twice(text(median), worst !== median && text(worst)));
    })))));
    put(this.clientNote, `${scenario.clients} sticky clients send a write every 100 ms; a try `,
      'that fails takes 300 ms, then the next replica is asked. Available and longest gap are ',
      'those of the worst client, the share in the fault phase. Wrong leader: tries that a node ',
      'which takes itself for the leader could not commit. Useless front ends: time in which an ',
      'endpoint that clients reach could serve nobody although there was a usable leader.');
  }

  drawMisses(scenario) {
    const missed = scenario.policies.filter((policy) => policy.misses.length > 0);
    put(this.misses, missed.map((policy) => h('details', { open: policy.name === 'vouch' },
      h('summary', {}, `${policy.name} ${missedWhat(policy)} (${policy.misses.length})`),
      h('ul', {}, policy.misses.slice(0, 20).map((miss) => h('li', {}, miss)),
        policy.misses.length > 20 ? h('li', {}, `and ${policy.misses.length - 20} more`) : null))));
  }

  /** Marks the row of the chosen policy. */
  mark() {
    for (const row of this.table.tBodies[0].rows) {
      const isChosen = row.dataset.policy === this.store.state.policy.name;
      row.classList.toggle('chosen', isChosen);
      row.querySelector('button').setAttribute('aria-pressed', String(isChosen));
    }
  }

  moveCursor() {
    const { t, scenario } = this.store.state;
    for (const line of this.table.querySelectorAll('.strip-cursor')) {
      const x = (1000 * t) / scenario.end;
      line.setAttribute('x1', x);
      line.setAttribute('x2', x);
    }
    this.rates.moveCursor();
  }
}

/** vouch misses what is expected of it; another policy differs from what is known of it. */
function verdictOf(policy) {
  const isVouch = policy.name === 'vouch';
  if (policy.misses.length > 0) {
    if (!isVouch) return 'differs';
    return policy.is_judged ? 'missed' : 'rules broken';
  }
  if (policy.is_expected) return 'as expected';
  return isVouch ? 'rules kept' : '–';
}

function missedWhat(policy) {
  if (policy.name !== 'vouch') return 'differs from what the scenario expects';
  return policy.is_judged ? 'missed what the scenario expects' : 'broke its rules';
}

const gapText = (ms) => (ms === 0 ? 'none' : millisText(ms));

const percent = (share) => `${share >= 99.95 || share === 0 ? Math.round(share) : share.toFixed(1)} %`;

function failoverText(ms) {
  if (ms === Infinity) return 'never';
  return ms === 0 ? 'none' : millisText(ms);
}

/** A figure, and below it in grey what the worst run had. */
function twice(figure, worst) {
  return [h('span', {}, figure), worst ? h('span', { class: 'worst' }, worst) : null];
}

function swatch(number) {
  const { colour, dash } = policyStroke(number);
  return s('svg', { class: 'policy-swatch', viewBox: '0 0 22 8', 'aria-hidden': 'true' },
    s('line', {
      x1: 0, x2: 22, y1: 4, y2: 4, style: `stroke: var(--${colour})`,
      'stroke-dasharray': dash.join(' '),
    }));
}

/** The run as a strip: when there was a usable leader. */
function strip(scenario, policy) {
  const x = (t) => (1000 * t) / scenario.end;
  const usable = policy.recording.usable;
  const down = scenario.end - usable.reduce((sum, [a, b]) => sum + b - a, 0);
  return s('svg', {
    viewBox: '0 0 1000 20', preserveAspectRatio: 'none', role: 'img',
    'aria-label': `without a usable leader for ${lengthText(down)} of ${lengthText(scenario.end)}`,
  },
  s('rect', { x: 0, y: 4, width: 1000, height: 12, class: 'gap' }),
  usable.map(([a, b]) => s('rect', {
    x: x(a), y: 4, width: Math.max(0.5, x(b) - x(a)), height: 12, class: 'usable',
  })),
  s('path', {
    d: `M${x(scenario.fault_from)} 18.5H${x(scenario.fault_until)}`, class: 'strip-fault',
    'vector-effect': 'non-scaling-stroke',
  }),
  s('line', { class: 'strip-cursor', y1: 0, y2: 20, 'vector-effect': 'non-scaling-stroke' }));
}
