// The page: a small store, and the parts that show it.
import { h, put } from './dom.js';
import { lengthText, readReport, timeText } from './data.js';
import { Compare } from './compare.js';
import { Matrix } from './matrix.js';
import { Record } from './record.js';
import { clamp, kMessagesWindow, messageClass, Timeline } from './timeline.js';

/** What the parts show. Listeners get the names of what has changed. */
class Store {
  constructor(state) {
    this.state = state;
    this.listeners = [];
  }

  set(patch) {
    const { follow, ...values } = patch;
    const next = { ...this.state, ...values };
    if (follow && (next.t < next.from || next.t > next.until)) {
      const length = next.until - next.from;
      next.from = clamp(next.t - length / 4, 0, next.scenario.end - length);
      next.until = next.from + length;
    }
    const changed = new Set(Object.keys(next).filter((key) => next[key] !== this.state[key]));
    this.state = next;
    if (changed.size > 0) for (const listener of this.listeners) listener(changed);
  }
}

/** The window that shows what came of the fault: until the last election or decision, within reason. */
function faultWindow(scenario, from) {
  const moments = scenario.policies.flatMap((policy) => policy.recording.lines)
    .filter((line) => ['leadership', 'decision'].includes(line.group))
    .map((line) => line.at).filter((at) => at > from && at < from + 6e6);
  const until = Math.max(from + 2e6, ...moments) + 5e5;
  return { from: Math.max(0, from - 5e5), until: Math.min(until, scenario.end) };
}

function startOf(scenario) {
  return {
    scenario, policy: scenario.policies[0], t: scenario.fault_from, messages: false, promises: true,
    ...faultWindow(scenario, scenario.fault_from),
  };
}

function header(report, store) {
  const title = h('h1');
  const note = h('p', { class: 'note' });
  const facts = h('p', { class: 'facts' });
  const chooser = report.scenarios.length > 1 ? h('label', { class: 'chooser' }, 'Scenario ',
    h('select', {
      id: 'scenario',
      onchange: (event) => store.set(startOf(report.scenarios[Number(event.target.value)])),
    }, report.scenarios.map((scenario, number) =>
      h('option', { value: number }, `${scenario.name}: ${scenario.title}`)))) : null;
  const element = h('header', {}, h('p', { class: 'kicker' }, 'vouch: a simulated gray failure'),
    title, note, facts, chooser);
  const draw = () => {
    const { scenario } = store.state;
    document.title = `${scenario.name}: ${scenario.title}`;
    title.textContent = `${scenario.name}: ${scenario.title}`;
    note.textContent = scenario.note;
    put(facts, `${scenario.replicas} replicas, n${scenario.initial_leader} leads at first. Faults ` +
      `from ${timeText(scenario.fault_from)} to ${timeText(scenario.fault_until)} of a run of ` +
      `${lengthText(scenario.end)}.`);
  };
  return { element, draw };
}

function button(text, onclick, title) {
  return h('button', { type: 'button', onclick, title }, text);
}

/** What the timeline shows, and of when. */
function controls(store, timeline) {
  const policies = h('div', { class: 'segmented', role: 'group', 'aria-label': 'Policy' });
  const messages = h('input', {
    type: 'checkbox', id: 'messages', onchange: (event) => showMessages(store, event.target.checked),
  });
  const promises = h('input', {
    type: 'checkbox', id: 'promises', checked: true,
    onchange: (event) => store.set({ promises: event.target.checked }),
  });
  const slider = h('input', {
    type: 'range', id: 'time', min: 0, step: 1000, 'aria-label': 'Time',
    oninput: (event) => store.set({ t: Number(event.target.value), follow: true }),
  });
  const toWindow = (at) => store.set({
    ...faultWindow(store.state.scenario, store.state.scenario[at]), t: store.state.scenario[at],
  });
  const element = h('div', { class: 'controls' }, policies, h('div', { class: 'buttons' },
    button('Whole run', () => store.set({ from: 0, until: store.state.scenario.end })),
    button('Fault', () => toWindow('fault_from'), 'The time around the first fault'),
    button('Heal', () => toWindow('fault_until'), 'The time around the end of the fault'),
    button('−', () => timeline.zoom(2), 'Zoom out'), button('+', () => timeline.zoom(0.5), 'Zoom in')),
  h('label', { class: 'chip' }, messages, 'Messages'),
  h('label', { class: 'chip' }, promises, 'Promises'));
  const draw = () => {
    const { scenario, policy, t } = store.state;
    put(policies, scenario.policies.map((each) => h('button', {
      type: 'button', 'aria-pressed': String(each === policy), 'data-policy': each.name,
      onclick: () => store.set({ policy: each }),
    }, each.name)));
    slider.max = scenario.end;
    slider.value = t;
    slider.setAttribute('aria-valuetext', timeText(t));
    messages.checked = store.state.messages;
  };
  return { element, slider, draw };
}

/** Messages of a whole run are a grey mass: showing them also zooms to where they can be told apart. */
function showMessages(store, isWanted) {
  const { t, from, until, scenario } = store.state;
  if (!isWanted || until - from <= kMessagesWindow / 4) {
    store.set({ messages: isWanted });
    return;
  }
  const start = clamp(t - 1e5, 0, scenario.end - 5e5);
  store.set({ messages: true, from: start, until: start + 5e5 });
}

function hintOf({ messages, from, until, policy, t }) {
  if (!messages) return '';
  const { windows, kinds } = policy.recording.messages;
  if (until - from > kMessagesWindow) return 'Zoom in to less than 4 s to see messages.';
  const isKept = windows.some(([a, b]) => a < until && b > from);
  if (!isKept) {
    return `Messages are kept from ${windows.map(([a, b]) => `${timeText(a)} to ${timeText(b)}`)
      .join(' and ')} only.`;
  }
  const ordinary = kinds.filter((kind) => messageClass(kind) === 'delivered');
  const special = kinds.filter((kind) => messageClass(kind) !== 'delivered');
  const named = (list) => list.map((kind) => kind.replaceAll('_', ' ')).join(', ');
  return `Grey: ${named(ordinary)}. ${special.length > 0 ? `Coloured: ${named(special)}. ` : ''}` +
    'Dashed with a cross: lost.';
}

function legend() {
  const item = (className, text) => h('li', {}, h('span', { class: `swatch ${className}` }), text);
  return h('ul', { class: 'legend' }, item('activity leader', 'leader'),
    item('activity candidate', 'candidate'), item('activity follower', 'follower'),
    item('paused', 'paused'), item('down', 'down'), item('lease', 'lease held'),
    item('promise', 'promised to wait'), item('suspicion', 'suspects'), item('trouble', 'slow, hung or drained'),
    item('usable', 'group usable'), item('gap', 'group without a leader'),
    h('li', {}, '▲ begins an election  ★ is elected  ▼ steps down'));
}

function footer(report) {
  return h('footer', {},
    h('p', {}, 'Everything here was simulated in virtual time and repeats to the digit: ',
      h('code', {}, report.command)),
    h('p', { class: 'muted small' }, `vouch ${report.version}. Click or drag in the lanes to move `,
      'the cursor or to zoom; a double click shows the whole run. Charts by uPlot (MIT licence).'));
}

function show(report) {
  const store = new Store(startOf(report.scenarios[0]));
  const timeline = new Timeline(store);
  const top = header(report, store);
  const compare = new Compare(store);
  const control = controls(store, timeline);
  const hint = h('p', { class: 'hint muted small', 'aria-live': 'polite' });
  const matrix = new Matrix(store);
  const record = new Record(store);
  const lanes = h('section', { class: 'panel' }, h('h2', {}, 'What happened under ',
    store.name = h('span', { class: 'policy-name' })), control.element, timeline.element,
  control.slider, hint, legend());
  put(document.getElementById('report'), top.element, compare.element,
    h('div', { class: 'columns' }, h('div', { class: 'column' }, lanes, matrix.element),
      record.element), footer(report));

  const draw = (changed) => {
    const is = (...keys) => keys.some((key) => changed.has(key));
    if (is('scenario')) {
      top.draw();
      compare.draw();
    }
    if (is('policy')) {
      store.name.textContent = `${store.state.policy.name}, seed ` +
        String(store.state.policy.recording.seed);
      compare.mark();
      record.draw();
    }
    if (is('policy', 'from', 'until', 'messages', 'promises')) timeline.draw();
    else timeline.moveCursor();
    control.draw();
    hint.textContent = hintOf(store.state);
    if (is('policy', 't')) matrix.draw();
    if (is('t', 'scenario')) {
      compare.moveCursor();
      record.moveCursor();
    }
  };
  store.listeners.push(draw);
  draw(new Set(Object.keys(store.state)));
}

show(readReport(document));
