// The lanes over time: one SVG, drawn anew when the window, the policy or the width changes; only
// the cursor moves otherwise.
import { h, s, put } from './dom.js';
import { isPrinting, kPaper, onPrint } from './theme.js';
import { lengthText, nodeAt, nodeName, spanAt, timeText } from './data.js';

const kGutter = 34;
const kRight = 8;
const kAxis = 34;
const kFaultRow = 16;
const kGroupRow = 22;
const kLane = 60;
const kWindowMin = 2000;  // us
/** Windows up to this long show messages. */
export const kMessagesWindow = 4e6;

const kMarks = {
  campaign: { path: 'M0 -6 L5.5 4.5 L-5.5 4.5 Z', name: 'begins an election' },
  elected: {
    path: 'M0 -7 L2 -2.2 L7 -2.2 L3 1 L4.5 6 L0 3 L-4.5 6 L-3 1 L-7 -2.2 L-2 -2.2 Z',
    name: 'is elected',
  },
  stepped_down: { path: 'M0 6 L5.5 -4.5 L-5.5 -4.5 Z', name: 'steps down' },
};

/** Round steps so that about `count` labels fit. */
function stepFor(length, count) {
  const raw = length / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw);
}

export class Timeline {
  constructor(store) {
    this.store = store;
    this.svg = s('svg', { class: 'timeline', role: 'img' });
    this.tip = h('div', { class: 'tip', hidden: true });
    this.element = h('div', { class: 'timeline-box' }, this.svg, this.tip);
    this.width = 800;
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.element);
    onPrint(() => this.resize());
  }

  resize() {
    const width = isPrinting() ? kPaper : Math.floor(this.element.clientWidth);
    if (width < 50 || width === this.width) return;
    this.width = width;
    this.draw();
  }

  x(t) {
    const { from, until } = this.store.state;
    return kGutter + ((t - from) / (until - from)) * (this.width - kGutter - kRight);
  }

  timeAt(x) {
    const { from, until } = this.store.state;
    const share = (x - kGutter) / (this.width - kGutter - kRight);
    return Math.round(from + Math.min(1, Math.max(0, share)) * (until - from));
  }

  laneTop(node) {
    return kAxis + kFaultRow + kGroupRow + node * kLane;
  }

  laneMiddle(node) {
    return this.laneTop(node) + 26;
  }

  draw() {
    const { scenario, policy, from, until } = this.store.state;
    this.height = this.laneTop(scenario.replicas) + 4;
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute('aria-label',
      `Lanes of ${scenario.replicas} nodes under ${policy.name} from ${timeText(from)} to ` +
      `${timeText(until)}; the record says the same in words.`);
    this.cursor = s('g', { class: 'cursor' });
    this.selection = s('rect', { class: 'selection', y: 0, height: this.height, width: 0 });
    put(this.svg, this.defs(), this.axis(), this.faults(), this.group(),
      Array.from({ length: scenario.replicas }, (_, node) => this.lane(node)),
      this.messages(), this.marks(), this.selection, this.cursor);
    this.moveCursor();
  }

  defs() {
    const hatch = (id, className) => s('pattern',
      { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      s('rect', { width: 6, height: 6, class: `${className}-back` }),
      s('rect', { width: 2.4, height: 6, class: `${className}-line` }));
    const clip = s('clipPath', { id: 'plot' }, s('rect', {
      x: kGutter, y: 0, width: this.width - kGutter - kRight, height: this.height,
    }));
    return s('defs', {}, hatch('hatch-paused', 'paused'), hatch('hatch-down', 'down'), clip);
  }

  axis() {
    const { from, until } = this.store.state;
    const length = until - from;
    const step = stepFor(length, Math.max(3, (this.width - kGutter) / 90));
    const digits = Math.max(0, -Math.floor(Math.log10(step / 1e6) + 1e-9));
    const ticks = [];
    for (let t = Math.ceil(from / step) * step; t <= until; t += step) {
      const x = this.x(t);
      ticks.push(s('line', { x1: x, x2: x, y1: kAxis - 4, y2: this.height, class: 'grid' }));
      if (x < this.width - 20) {
        ticks.push(s('text', { x, y: kAxis - 8, class: 'tick' }, `${(t / 1e6).toFixed(digits)} s`));
      }
    }
    return s('g', {}, ticks);
  }

  /** The fault phase as a band, and each moment at which something was done from outside. */
  faults() {
    const { scenario, policy, from, until } = this.store.state;
    const x1 = Math.max(kGutter, this.x(scenario.fault_from));
    const x2 = Math.min(this.width - kRight, this.x(scenario.fault_until));
    const parts = [];
    if (x2 > x1) {
      parts.push(s('rect', {
        x: x1, y: kAxis, width: x2 - x1, height: this.height - kAxis, class: 'fault-band',
      }));
      if (x2 - x1 > 60) {
        parts.push(s('text', { x: x1 + 8, y: kAxis + 12, class: 'band-label' }, 'fault phase'));
      }
    }
    const moments = new Map();
    for (const line of policy.recording.lines) {
      if (line.group === 'fault') moments.set(line.at, [...(moments.get(line.at) ?? []), line.text]);
    }
    for (const [at, texts] of moments) {
      if (at < from || at > until) continue;
      parts.push(s('path', { d: `M${this.x(at)} ${kAxis + 1} l4 7 l-8 0 z`, class: 'fault-mark' },
        s('title', {}, `${timeText(at)}: ${texts.join('; ')}`)));
    }
    return s('g', {}, parts);
  }

  /** When the group had a usable leader. */
  group() {
    const { policy, scenario } = this.store.state;
    const y = kAxis + kFaultRow + 4;
    const row = s('g', { 'clip-path': 'url(#plot)' },
      s('rect', {
        x: this.x(0), y, width: this.x(scenario.end) - this.x(0), height: 9, class: 'gap',
      }),
      policy.recording.usable.map(([a, b]) => this.bar(a, b, y, 9, 'usable')));
    return s('g', {}, s('text', { x: 0, y: y + 8, class: 'lane-name small' }, 'group'), row);
  }

  bar(a, b, y, height, className, title) {
    const { from, until } = this.store.state;
    if (b < from || a > until) return null;
    const x = Math.max(kGutter - 2, this.x(a));
    const width = Math.max(0.8, Math.min(this.width, this.x(b)) - x);
    return s('rect', { x, y, width, height, class: className },
      title ? s('title', {}, title) : null);
  }

  lane(node) {
    const { policy, promises } = this.store.state;
    const { standings, leases, promises: given, suspicions, troubles } = policy.recording.nodes[node];
    const top = this.laneTop(node);
    const parts = [];
    for (const [a, b, activity, term, leader] of standings) {
      const bar = this.bar(a, b, top + 17, 18, `activity ${activity}`);
      if (!bar) continue;
      parts.push(bar, this.label(a, b, top + 30, activity, term, leader));
    }
    for (const [a, b, text] of troubles) {
      parts.push(this.bar(a, b, top + 33, 4, 'trouble', text));
    }
    for (const [a, b] of leases) parts.push(this.bar(a, b, top + 12, 4, 'lease'));
    if (promises) {
      for (const [a, b] of given) parts.push(this.bar(a, b, top + 37, 3, 'promise'));
    }
    for (const [a, b, subjects] of overlapped(suspicions)) {
      parts.push(this.bar(a, b, top + 42, 4, 'suspicion'));
      const text = `suspects ${subjects.map(nodeName).join(' ')}`;
      const x1 = Math.max(kGutter, this.x(a));
      if (Math.min(this.width, this.x(b)) - x1 > text.length * 5.2 + 6) {
        parts.push(s('text', { x: x1 + 2, y: top + 55, class: 'suspicion-label' }, text));
      }
    }
    return s('g', { class: 'lane', 'data-node': node },
      s('text', { x: 0, y: top + 30, class: 'lane-name' }, nodeName(node)),
      s('g', { 'clip-path': 'url(#plot)' }, parts.filter(Boolean)));
  }

  label(a, b, y, activity, term, leader) {
    const x1 = Math.max(kGutter, this.x(a));
    const room = Math.min(this.width - kRight, this.x(b)) - x1 - 14;
    const long = activity === 'follower' && leader >= 0
      ? `follows ${nodeName(leader)} · term ${term}`
      : activity === 'follower' ? `no leader · term ${term}` : `${activity} · term ${term}`;
    const text = [activity === 'down' ? 'down' : long, activity === 'leader' ? `t${term}` : '']
      .find((candidate) => candidate && candidate.length * 6.1 < room);
    return text && room > 0 ? s('text', { x: x1 + (activity === 'leader' ? 12 : 5), y, class: `bar-label on-${activity}` }, text)
      : null;
  }

  marks() {
    const { policy, from, until } = this.store.state;
    const marks = policy.recording.lines
      .filter((line) => kMarks[line.kind] && line.at >= from && line.at <= until)
      .map((line) => s('path', {
        d: kMarks[line.kind].path, class: `mark ${line.kind}`,
        transform: `translate(${this.x(line.at)} ` +
          `${line.kind === 'campaign' ? this.laneTop(line.node) + 6 : this.laneMiddle(line.node)})`,
      }, s('title', {}, `${timeText(line.at)}: ${nodeName(line.node)} ${line.text}`)));
    return s('g', {}, marks);
  }

  messages() {
    const { messages: wanted, policy, from, until } = this.store.state;
    this.shown = [];
    if (!wanted || until - from > kMessagesWindow) return null;
    const paths = { delivered: '', question: '', vote: '', lost: '' };
    this.shown = policy.recording.sentMessages().filter((message) =>
      message.sent <= until && message.sent + Math.max(0, message.flight) >= from);
    const heads = this.shown.length < 1200;
    for (const message of this.shown) {
      const x1 = this.x(message.sent);
      const y1 = this.laneMiddle(message.from);
      if (message.flight >= 0) {
        const x2 = this.x(message.sent + message.flight);
        const y2 = this.laneMiddle(message.to);
        paths[messageClass(message.kind)] += `M${x1.toFixed(1)} ${y1}L${x2.toFixed(1)} ${y2}` +
          (heads ? arrowHead(x1, y1, x2, y2) : '');
      } else {
        const y2 = y1 + (this.laneMiddle(message.to) - y1) * 0.4;
        paths.lost += `M${x1.toFixed(1)} ${y1}L${x1.toFixed(1)} ${y2}` +
          (heads ? `m-3 -3l6 6m0 -6l-6 6` : '');
      }
    }
    return s('g', { class: 'messages', 'clip-path': 'url(#plot)' },
      Object.entries(paths).filter(([, d]) => d).map(([name, d]) =>
        s('path', { d, class: `message ${name}` })));
  }

  moveCursor() {
    const { t, from, until } = this.store.state;
    if (t < from || t > until) {
      put(this.cursor);
      return;
    }
    const x = this.x(t);
    const anchor = x > this.width - 70 ? 'end' : 'start';
    put(this.cursor, s('line', { x1: x, x2: x, y1: 0, y2: this.height }),
      s('text', { x: x + (anchor === 'end' ? -4 : 4), y: 11, 'text-anchor': anchor }, timeText(t)));
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  listen() {
    let start = null;
    this.svg.addEventListener('pointerdown', (event) => {
      if (event.button === 0) start = this.point(event).x;
    });
    this.svg.addEventListener('pointermove', (event) => {
      const { x, y } = this.point(event);
      if (start !== null && event.pointerType !== 'touch' && Math.abs(x - start) > 4) {
        this.selection.setAttribute('x', Math.min(x, start));
        this.selection.setAttribute('width', Math.abs(x - start));
        this.svg.setPointerCapture(event.pointerId);
      }
      this.showTip(x, y);
    });
    this.svg.addEventListener('pointerup', (event) => {
      if (start === null) return;
      const { x } = this.point(event);
      const [a, b] = [this.timeAt(Math.min(start, x)), this.timeAt(Math.max(start, x))];
      const isDrag = event.pointerType !== 'touch' && Math.abs(x - start) > 4;
      start = null;
      if (isDrag && b - a >= kWindowMin) {
        this.store.set({ from: a, until: b, t: clamp(this.store.state.t, a, b) });
      } else {
        this.store.set({ t: this.timeAt(x) });
      }
    });
    this.svg.addEventListener('pointercancel', () => { start = null; });
    this.svg.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    this.svg.addEventListener('dblclick', () =>
      this.store.set({ from: 0, until: this.store.state.scenario.end }));
    this.svg.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(this.point(event).x));
    }, { passive: false });
  }

  /** Makes the window `factor` times as long; `at` stays where it is. */
  zoom(factor, at = this.store.state.t) {
    const { from, until, scenario } = this.store.state;
    const length = clamp((until - from) * factor, kWindowMin, scenario.end);
    const share = (clamp(at, from, until) - from) / (until - from);
    const left = clamp(Math.round(at - share * length), 0, scenario.end - length);
    this.store.set({ from: left, until: Math.round(left + length) });
  }

  showTip(x, y) {
    const { scenario, policy } = this.store.state;
    const node = Math.floor((y - this.laneTop(0)) / kLane);
    const isInside = x >= kGutter && x <= this.width - kRight;
    this.tip.hidden = !isInside || y < kAxis;
    if (this.tip.hidden) return;
    const t = this.timeAt(x);
    const lines = [timeText(t)];
    const message = this.nearest(x, y);
    if (message) {
      lines.push(`${message.kind.replaceAll('_', ' ')} ${nodeName(message.from)} → ` +
        `${nodeName(message.to)}: ` + (message.flight >= 0
        ? `arrives after ${lengthText(message.flight)}` : fateText(message.fate)));
    } else if (node < 0) {
      lines.push(spanAt(policy.recording.usable, t) ? 'the group has a usable leader'
        : 'no usable leader');
    } else if (node < scenario.replicas) {
      lines.push(...describe(policy.recording, node, t));
    }
    put(this.tip, lines.map((line) => h('div', {}, line)));
    const scale = this.svg.getBoundingClientRect().width / this.width;
    const left = Math.min(x * scale + 14, this.element.clientWidth - this.tip.offsetWidth - 4);
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${y * scale + 18}px`;
  }

  nearest(x, y) {
    let best = null;
    let least = 5;
    for (const message of this.shown ?? []) {
      const x1 = this.x(message.sent);
      const x2 = this.x(message.sent + Math.max(0, message.flight));
      const y1 = this.laneMiddle(message.from);
      const y2 = this.laneMiddle(message.to);
      const share = (y - y1) / (y2 - y1);
      if (share < 0 || share > 1) continue;
      const distance = Math.abs(x1 + share * (x2 - x1) - x);
      if (distance < least) [least, best] = [distance, message];
    }
    return best;
  }
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const kQuestions = /^(confirm|pre_vote|probe|query)/;
const kVotes = /vote|elect|prepare|promise/;
export function messageClass(kind) {
  if (kQuestions.test(kind)) return 'question';
  return kVotes.test(kind) ? 'vote' : 'delivered';
}

export function fateText(fate) {
  return {
    sent: 'still on its way at the end', cut: 'lost, the link is cut', lost: 'lost by chance',
    queued: 'waits, the receiver stands still', overflow: 'lost, the receive buffer is full',
    down: 'lost, the receiver is down', too_long: 'lost, too long for the link',
    queue_full: 'lost, the queue of the link is full', corrupt: 'damaged, nobody can read it',
  }[fate] ?? fate;
}

/** What a node is at `t`, line by line. */
export function describe(recording, node, t) {
  const now = nodeAt(recording, node, t);
  const lines = [`${nodeName(node)}: ${now.activity}, term ${now.term}` +
    (now.activity === 'follower' ? `, leader ${nodeName(now.leader)}` : '')];
  if (now.lease) lines.push('holds the lease');
  lines.push(...now.troubles);
  if (now.promise) lines.push(`has promised ${nodeName(now.promise[2])} to wait`);
  if (now.suspects.length > 0) lines.push(`suspects ${now.suspects.map(nodeName).join(', ')}`);
  return lines;
}

function arrowHead(x1, y1, x2, y2) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 8) return '';
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const side = (turn) => `M${x2.toFixed(1)} ${y2}l${(-6 * ux - turn * 2.5 * uy).toFixed(1)} ` +
    `${(-6 * uy + turn * 2.5 * ux).toFixed(1)}`;
  return side(1) + side(-1);
}

/** Spans of one subject each -> spans [from, until, subjects] that do not overlap. */
function overlapped(suspicions) {
  const borders = [...new Set(suspicions.flatMap(([a, b]) => [a, b]))].sort((a, b) => a - b);
  const result = [];
  for (let i = 0; i + 1 < borders.length; ++i) {
    const subjects = suspicions.filter(([a, b]) => a <= borders[i] && borders[i + 1] <= b)
      .map(([, , subject]) => subject).sort((a, b) => a - b);
    if (subjects.length > 0) result.push([borders[i], borders[i + 1], subjects]);
  }
  return result;
}
