// Who reaches whom at the cursor, and what each node is then.
import { h, put } from './dom.js';
import { lengthText, linksAt, nodeAt, nodeName, timeText, trafficAt } from './data.js';

const kSigns = { whole: '', changed: '~', lossy: '%', cut: '×' };

export class Matrix {
  constructor(store) {
    this.store = store;
    this.table = h('table', { class: 'matrix' });
    this.caption = h('p', { class: 'muted small' });
    this.nodes = h('table', { class: 'nodes' });
    this.element = h('section', { class: 'panel at-cursor' },
      h('h2', {}, 'At ', this.when = h('span', { class: 'when' })),
      h('div', { class: 'at-cursor-parts' },
        h('div', { class: 'matrix-part' }, h('h3', {}, 'Who reaches whom'), this.table, legend(), this.caption),
        h('div', { class: 'grow' }, h('h3', {}, 'What each node believes'),
          h('div', { class: 'scroll' }, this.nodes))));
  }

  draw() {
    const { scenario, policy, t } = this.store.state;
    const recording = policy.recording;
    const states = Array.from({ length: scenario.replicas }, (_, node) =>
      nodeAt(recording, node, t));
    const links = linksAt(scenario, recording, t);
    this.when.textContent = `${timeText(t)}${phase(scenario, t)}`;
    const head = h('tr', {}, h('th', { class: 'corner', scope: 'col' }, 'from \\ to'),
      states.map((state, node) => h('th', { scope: 'col', class: state.activity },
        nodeName(node))));
    const rows = states.map((state, from) => h('tr', {},
      h('th', { scope: 'row', class: state.activity }, nodeName(from)),
      states.map((_, to) => this.cell(links, states, from, to))));
    put(this.table, h('thead', {}, head), h('tbody', {}, rows));
    const { from, until } = trafficAt(scenario, recording, t, 0, 0);
    this.caption.textContent = `Numbers: per cent of the messages sent from ${timeText(from)} to ` +
      `${timeText(until)} that arrived.`;
    this.drawNodes(states);
  }

  cell(links, states, from, to) {
    const { scenario, policy, t } = this.store.state;
    if (from === to) return h('td', { class: 'self' });
    const { state, text } = links[from][to];
    const gone = [from, to].filter((node) => ['down', 'paused'].includes(states[node].activity));
    const traffic = trafficAt(scenario, policy.recording, t, from, to);
    const share = traffic.sent > 0 ? Math.round((100 * traffic.delivered) / traffic.sent) : null;
    const words = [
      `${nodeName(from)} to ${nodeName(to)}: ${text || 'the link is whole'}`,
      ...gone.map((node) => `${nodeName(node)} is ${states[node].activity}`),
      share === null ? 'nothing was sent' : `${traffic.delivered} of ${traffic.sent} arrived`,
    ];
    return h('td', { class: `link ${state}${gone.length > 0 ? ' gone' : ''}`, title: words.join('; ') },
      h('span', { class: 'sign' }, kSigns[state]),
      h('span', { class: 'share' }, share === null ? '·' : String(share)));
  }

  drawNodes(states) {
    const { policy, t } = this.store.state;
    const has = policy.recording.has_lease;
    const head = ['node', 'role', 'term', 'leader', has && 'lease', 'suspects'].filter(Boolean);
    put(this.nodes, h('thead', {}, h('tr', {}, head.map((name) => h('th', {}, name)))),
      h('tbody', {}, states.map((state, node) => h('tr', {},
        h('td', {}, nodeName(node)),
        h('td', {}, h('span', { class: `dot ${state.activity}` }), state.activity,
          state.troubles.length > 0 ? h('span', { class: 'troubled', title: state.troubles.join('; ') },
            ' !') : null),
        h('td', { class: 'number' }, state.activity === 'down' ? '' : String(state.term)),
        h('td', {}, state.activity === 'down' ? '' : nodeName(state.leader)),
        has && h('td', {}, state.lease ? `held for ${lengthText(t - state.lease[0])}`
          : state.promise ? `promised to ${nodeName(state.promise[2])}` : ''),
        h('td', {}, state.suspects.map(nodeName).join(' '))))));
  }
}

function phase(scenario, t) {
  const { fault_from: from, fault_until: until } = scenario;
  if (t < from) return `, ${lengthText(from - t)} before the fault phase`;
  if (t === from) return ', the start of the fault phase';
  if (t < until) return `, ${lengthText(t - from)} into the fault phase`;
  return `, ${lengthText(t - until)} after it`;
}

function legend() {
  const items = [['whole', 'whole'], ['changed', 'slow or otherwise changed'], ['lossy', 'lossy'],
    ['cut', 'cut']];
  return h('ul', { class: 'legend' }, items.map(([state, text]) => h('li', {},
    h('span', { class: `swatch link ${state}` }, kSigns[state]), text)),
  h('li', {}, h('span', { class: 'swatch link gone' }), 'node down or paused'));
}
