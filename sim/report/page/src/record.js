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
      line.node < 0 ? 'fault' : nodeName(line.node)),
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
    const top = current.offsetTop - this.list.offsetTop;
    const isVisible = top >= this.list.scrollTop &&
      top + current.offsetHeight <= this.list.scrollTop + this.list.clientHeight;
    if (!isVisible) this.list.scrollTop = top - this.list.clientHeight / 2;
  }
}

/** Faults of one instant in one line: a scenario cuts many links at once. */
function gathered(lines) {
  const result = [];
  for (const line of lines) {
    const last = result.at(-1);
    if (line.group === 'fault' && last?.group === 'fault' && last.at === line.at) {
      last.text += `; ${line.text}`;
    } else {
      result.push({ ...line });
    }
  }
  for (const line of result) {
    if (line.group === 'fault') line.text = shortened(line.text);
  }
  return result;
}

/** "link n0 -> n2 is cut; link n2 -> n0 is cut" -> "link n0 <-> n2 is cut", grouped by what. */
function shortened(text) {
  const groups = new Map();
  for (const part of text.split('; ')) {
    const match = part.match(/^link (n\d+) -> (n\d+) (.*)$/);
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
    const plural = names.size > 1;
    return `link${plural ? 's' : ''} ${[...names.values()].join(', ')} ` +
      (plural ? what.replace(/^is /, 'are ').replace(/^loses /, 'lose ')
        .replace(/^delays /, 'delay ').replace(/ its /, ' their ') : what);
  }).join('; ');
}
