// What the page knows: the JSON of the report, and questions to it. All times are microseconds.

export const kLinkStates = ['whole', 'changed', 'lossy', 'cut'];
export const kFates = ['sent', 'cut', 'lost', 'delivered', 'queued', 'overflow', 'down',
  'too_long', 'queue_full', 'corrupt'];

export const nodeName = (node) => (node < 0 ? 'nobody' : `n${node}`);

/** 5412345 -> "5.412 s". */
export const timeText = (us) => `${(us / 1e6).toFixed(3)} s`;

/** A length: "420 µs", "87 ms", "2.53 s". */
export function lengthText(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${Math.round(us / 1000)} ms`;
  return us < 1e7 ? `${(us / 1e6).toFixed(2)} s` : `${(us / 1e6).toFixed(1)} s`;
}

export const millisText = (ms) => lengthText(ms * 1000);

/** Columns of six: see messages_of in sim/report/src/page.cc. */
function messagesOf(packed) {
  const messages = [];
  let sent = 0;
  for (let i = 0; i < packed.flat.length; i += 6) {
    const [gap, flight, from, to, kind, fate] = packed.flat.slice(i, i + 6);
    sent += gap;
    messages.push({ sent, flight, from, to, kind: packed.kinds[kind], fate: kFates[fate] });
  }
  return messages;
}

function linesOf(lines) {
  return lines.map(([at, node, kind, word, text, times, lastAt]) => ({
    at, node, kind, word, text, times, lastAt, group: groupOf(kind),
  }));
}

/** The filters of the record. */
export const kGroups = [
  ['fault', 'Faults'],
  ['decision', 'Decisions'],
  ['leadership', 'Elections'],
  ['suspicion', 'Suspicion'],
  ['detail', 'Votes and details'],
];

function groupOf(kind) {
  if (kind.startsWith('fault')) return 'fault';
  if (kind === 'decision') return 'decision';
  if (['campaign', 'elected', 'stepped_down', 'follows'].includes(kind)) return 'leadership';
  if (kind === 'suspects' || kind === 'trusts') return 'suspicion';
  return 'detail';
}

/** Reads the report that stands in the document. */
export function readReport(document) {
  const report = JSON.parse(document.getElementById('data').textContent);
  for (const scenario of report.scenarios) {
    for (const policy of scenario.policies) {
      const recording = policy.recording;
      recording.lines = linesOf(recording.lines);
      let messages = null;  // Unpacked when somebody wants to see them.
      recording.sentMessages = () => (messages ??= messagesOf(recording.messages));
    }
  }
  return report;
}

/** The value that `share` of the values do not exceed; one that did occur. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Shares of the fault phase with a usable leader, one per run, in percent. */
export function availabilities(scenario, policy) {
  const length = (scenario.fault_until - scenario.fault_from) / 1000;
  return policy.measures.unavailable_ms.map((ms) =>
    length > 0 ? 100 * Math.max(0, 1 - ms / length) : 100);
}

/** Failover times in ms, one per run; Infinity: no leader until the end of the run. */
export function failovers(scenario, policy) {
  const rest = (scenario.end - scenario.fault_from) / 1000;
  return policy.measures.failover_ms.map((ms) => (ms >= rest ? Infinity : ms));
}

/** The last of `spans` (arrays that begin with from, until) that holds `t`. */
export function spanAt(spans, t) {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle][0] <= t) low = middle + 1;
    else high = middle;
  }
  const span = spans[low - 1];
  return span && t < span[1] ? span : null;
}

/** What a node is at `t`. */
export function nodeAt(recording, node, t) {
  const lane = recording.nodes[node];
  const standing = spanAt(lane.standings, t) ?? lane.standings.at(-1);
  return {
    activity: standing?.[2] ?? 'down',
    term: standing?.[3] ?? 0,
    leader: standing?.[4] ?? -1,
    lease: spanAt(lane.leases, t),
    promise: spanAt(lane.promises, t),
    troubles: lane.troubles.filter(([from, until]) => from <= t && t < until)
      .map(([, , text]) => text),
    suspects: [...new Set(lane.suspicions.filter(([from, until]) => from <= t && t < until)
      .map(([, , subject]) => subject))].sort((a, b) => a - b),
  };
}

/** The directed links at `t`: [from][to] -> {state, text}. */
export function linksAt(scenario, recording, t) {
  const links = Array.from({ length: scenario.replicas }, () =>
    Array.from({ length: scenario.replicas }, () => ({ state: 'whole', text: '' })));
  for (const [at, from, to, state, text] of recording.links) {
    if (at > t) break;
    links[from][to] = { state: kLinkStates[state], text: state === 0 ? '' : text };
  }
  return links;
}

/** Messages sent and delivered over a link in the bucket of `t`. */
export function trafficAt(scenario, recording, t, from, to) {
  const { bucket, sent, delivered } = recording.traffic;
  const count = scenario.replicas;
  const last = Math.min(sent.length / (count * count) - 1, Math.floor(t / bucket));
  const index = (last * count + from) * count + to;
  return {
    sent: sent[index], delivered: delivered[index], from: last * bucket,
    until: Math.min((last + 1) * bucket, scenario.end),
  };
}

/** Messages per node and second, over time: [[seconds], [rate]]. Of a second at least. */
export function messageRates(scenario, recording) {
  const { bucket, sent } = recording.traffic;
  const links = scenario.replicas ** 2;
  const step = Math.max(1, Math.round(1e6 / bucket));
  const times = [];
  const rates = [];
  for (let first = 0; first + step <= sent.length / links; first += step) {
    let total = 0;
    for (let i = first * links; i < (first + step) * links; ++i) total += sent[i];
    times.push(((first + step / 2) * bucket) / 1e6);
    rates.push(Math.round((total * 1e6) / (step * bucket) / scenario.replicas));
  }
  return [times, rates];
}
