// What happened, in words, in order of time. The line at the cursor is marked.
import { h, put } from './dom.js';
import { kGroups, nodeName, timeText } from './data.js';

const kLinesShown = 400;

export class Record {
  constructor(store) {
    this.store = store;
    this.hidden = new Set(['detail']);
    this.node = -1;
    this.list = h('ol', { class: 'record', tabindex: 0, 'aria-label': 'Record of the run' });
    this.filters = h('div', { class: 'filters' }, kGroups.map(([group, name]) =>
      h('label', { class: 'chip' }, h('input', {
        type: 'checkbox', checked: !this.hidden.has(group), value: group,
        onchange: (event) => this.toggle(group, event.target.checked),
      }), name)));
    this.chooser = h('select', {
      'aria-label': 'Node',
      onchange: (event) => { this.node = Number(event.target.value); this.draw(); },
    });
    this.filters.append(this.chooser);
    this.more = h('p', { class: 'muted small' });
    this.element = h('section', { class: 'panel record-panel' }, h('h2', {}, 'The record'),
      this.filters, this.list, this.more);
    this.list.addEventListener('click', (event) => {
      const item = event.target.closest('li');
      if (item) this.store.set({ t: Number(item.dataset.at), follow: true });
    });
  }

  toggle(group, isShown) {
    if (isShown) this.hidden.delete(group);
    else this.hidden.add(group);
    this.draw();
  }

  draw() {
    const { scenario, policy } = this.store.state;
    put(this.chooser, h('option', { value: -1 }, 'all nodes'),
      Array.from({ length: scenario.replicas }, (_, node) =>
        h('option', { value: node, selected: node === this.node }, nodeName(node))));
    const lines = gathered(policy.recording.lines.filter((line) => !this.hidden.has(line.group) &&
      (this.node < 0 || line.node === this.node || line.node < 0)));
    this.items = lines.slice(0, kLinesShown).map((line) => h('li', {
      class: line.group, 'data-at': line.at,
    }, h('time', {}, timeText(line.at)),
    h('span', { class: `who${line.node < 0 ? ' outside' : ''}` },
      line.node < 0 ? 'fault' : line.nodes.length === scenario.replicas && scenario.replicas > 1
        ? 'all' : line.nodes.map(nodeName).join(' ')),
    h('span', { class: 'what' }, line.word ? h('b', {}, `${line.word} `) : null, line.text,
      line.times > 1 ? h('span', { class: 'times' },
        ` ×${line.times} until ${timeText(line.lastAt)}`) : null)));
    put(this.list, this.items.length > 0 ? this.items
      : h('li', { class: 'empty', 'data-at': 0 }, 'Nothing of this kind happened.'));
    this.more.textContent = lines.length > kLinesShown
      ? `${lines.length - kLinesShown} more lines: choose a node or fewer kinds.` : '';
    this.moveCursor();
  }

  moveCursor() {
    const { t } = this.store.state;
    let current = null;
    for (const item of this.items) {
      item.classList.remove('now');
      if (Number(item.dataset.at) <= t) current = item;
    }
    if (!current) return;
    // Everything that happened at that instant.
    for (const item of this.items) {
      if (item.dataset.at === current.dataset.at) item.classList.add('now');
    }
    const top = current.offsetTop;  // Within the list, which is positioned.
    const isVisible = top >= this.list.scrollTop &&
      top + current.offsetHeight <= this.list.scrollTop + this.list.clientHeight;
    if (!isVisible) this.list.scrollTop = top - this.list.clientHeight / 2;
  }
}

/** A length of time within a sentence. */
const kLength = /\b[\d.]+ (us|ms|s)\b/g;

/** The sentence of several nodes: "299 ms to 347 ms" where they name different lengths. */
function ranged({ sense, texts }) {
  const lengths = texts.map((text) => text.match(kLength) ?? []);
  let number = 0;
  return sense.replace(/#/g, () => {
    const all = [...new Set(lengths.map((each) => each[number]))];
    ++number;
    const inMicroseconds = (text) => parseFloat(text) *
      (text.endsWith(' us') ? 1 : text.endsWith(' ms') ? 1e3 : 1e6);
    all.sort((a, b) => inMicroseconds(a) - inMicroseconds(b));
    return all.length === 1 ? all[0] : `${all[0]} to ${all.at(-1)}`;
  });
}

/** Nodes that say the same within so many microseconds share a line. */
const kTogether = 30000;

/**
 * Fewer lines for the eye: faults of one instant are one line (a scenario cuts many links at once),
 * and so is what several nodes say at about the same time.
 */
function gathered(lines) {
  const result = [];
  for (const line of lines) {
    const last = result.at(-1);
    if (line.group === 'fault' && last?.group === 'fault' && last.at === line.at) {
      last.text += `; ${line.text}`;
      continue;
    }
    const sense = line.text.replace(kLength, '#');
    const same = line.times === 1 ? result.slice(-6).find((other) => other.group !== 'fault' &&
      other.sense === sense && other.word === line.word && other.times === 1 &&
      line.at - other.at <= kTogether && !other.nodes.includes(line.node)) : null;
    if (same) {
      same.nodes.push(line.node);
      same.texts.push(line.text);
    } else {
      result.push({ ...line, sense, nodes: [line.node], texts: [line.text] });
    }
  }
  for (const line of result) if (line.nodes?.length > 1) line.text = ranged(line);
  for (const line of result) {
    line.nodes.sort((a, b) => a - b);
    if (line.group === 'fault') line.text = shortened(line.text);
    else if (line.nodes.length > 1) line.text = plural(line.text);
  }
  return result;
}

const kPlurals = [[/^suspects /, 'suspect '], [/^trusts /, 'trust '], [/^does not /, 'do not '],
  [/^waits/, 'wait'], [/^leaves /, 'leave '], [/^gives /, 'give '], [/^follows /, 'follow '],
  [/^knows /, 'know '], [/^votes /, 'vote '], [/^consents /, 'consent '], [/^hears /, 'hear '],
  [/^finds /, 'find '], [/^begins /, 'begin '], [/^steps /, 'step '], [/^is /, 'are ']];

function plural(text) {
  const found = kPlurals.find(([singular]) => singular.test(text));
  return found ? text.replace(found[0], found[1]) : text;
}

/** "link n0 -> n2 is cut; link n2 -> n0 is cut" -> "link n0 <-> n2 is cut", grouped by what. */
function shortened(text) {
  const groups = new Map();
  for (const part of text.split('; ')) {
    const match = part.match(/^link ([nc]\d+) -> ([nc]\d+) (.*)$/);
    const [key, link] = match ? [match[3], [match[1], match[2]]] : [part, null];
    groups.set(key, [...(groups.get(key) ?? []), link]);
  }
  return [...groups].map(([what, links]) => {
    if (!links[0]) return what;
    const names = new Map();
    for (const [a, b] of links) {
      if (names.has(`${b} → ${a}`)) names.set(`${b} → ${a}`, `${b} ↔ ${a}`);
      else names.set(`${a} → ${b}`, `${a} → ${b}`);
    }
    const isPlural = names.size > 1;
    return `link${isPlural ? 's' : ''} ${[...names.values()].join(', ')} ` +
      (isPlural ? what.replace(/^is /, 'are ').replace(/^loses /, 'lose ')
        .replace(/^delays /, 'delay ').replace(/ its /, ' their ') : what);
  }).join('; ');
}
