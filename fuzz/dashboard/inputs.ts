import type { Random } from '../harness.ts'

/** A request to the API. */
export interface DashboardInput {
  readonly method: string
  /** Below the path of the dashboard. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** Whether it may change something: a user who operates, with the headers of the page. */
  readonly mayAct: boolean
  /** Whether the user may see the dashboard. */
  readonly mayRead: boolean
}

const READS = [
  'session',
  'overview',
  'spaces',
  'streams',
  'stream',
  'entries',
  'tagged',
  'entry',
  'dead-groups',
  'dead',
  'dead-letter',
  'schedules',
  'limiters',
  'limiter',
  'subject',
  'denied',
  'boards',
  'board',
  'member',
  'notifiers',
  'channel',
  'locks',
  'lock',
  'audit',
  'live',
  'live-stream',
] as const

const ACTIONS = [
  'stream.pause',
  'stream.resume',
  'stream.clear',
  'entry.cancel',
  'entry.reschedule',
  'entry.retry',
  'dead.requeue',
  'dead.purge',
  'dead.edit',
  'schedule.pause',
  'schedule.resume',
  'schedule.run',
  'schedule.remove',
  'limiter.block',
  'limiter.unblock',
  'limiter.reset',
  'board.remove',
  'channel.publish',
  'channel.clear',
  'notifier.revoke',
  'lock.release',
] as const

const ODD: readonly unknown[] = [
  '',
  ' ',
  '0',
  '-1',
  'NaN',
  '1e9',
  '../..',
  '%00',
  '\u0000',
  '\n',
  '<script>alert(1)</script>',
  '\u202e',
  '\ud800',
  '{}',
  '[]',
  'null',
  '*',
  'a b',
  '-',
  '+',
  '99999999999999999999-0',
  'x'.repeat(300),
  'x'.repeat(5000),
  '__proto__',
  'constructor',
  'toString',
]
const ODD_JSON: readonly unknown[] = [
  ...ODD,
  null,
  true,
  false,
  0,
  -1,
  0.5,
  1e300,
  2 ** 53 + 2,
  [],
  [[]],
  {},
  { $ne: 1 },
  { __proto__: 1 },
  ['a', 'b'],
  { a: { b: { c: [] } } },
]

/** Values that exist, or are right, for each parameter. */
const GOOD: ReadonlyMap<string, readonly unknown[]> = new Map(
  Object.entries({
    space: ['fuzz'],
    stream: ['orders', 'keyed', 'log'],
    group: ['billing', 'mails'],
    id: ['1-1', '1796000285935-0', 'nightly'],
    position: ['1-1', '1796000285935-0'],
    limit: ['1', '50', '200'],
    after: ['-', '1-1', 'orders'],
    order: ['newest', 'oldest'],
    tags: ['kind=number', 'kind=string user=ann', 'kind', '=='],
    error: ['no stock #'],
    contains: ['stock'],
    why: ['failed', 'vanished'],
    limiter: ['api', 'tenants'],
    subject: ['ann', 'bob'],
    'part.tenant': ['acme'],
    cost: ['1', '5'],
    board: ['points'],
    window: ['all', 'day'],
    previous: ['0', '1'],
    from: ['1', '2'],
    member: ['ann'],
    notifier: ['main'],
    channel: ['room'],
    lock: ['jobs'],
    key: ['nightly'],
    fence: [1, 2],
    atMs: [0, 1, 1_796_000_285_935],
    json: ['{"a":1}', '1', 'null', '{'],
    filter: [{}, { why: 'failed' }, { contains: 'stock' }, { from: 0, to: 5 }, { error: 'no stock #' }],
    dryRun: [true, false],
    most: [1, 100],
    duration: ['1s', '1h', 'forever', 'x'],
    reason: ['fraud'],
    per: ['tenant'],
    type: ['test'],
    user: ['ann'],
    channels: [['room'], ['a', 'b']],
  }),
)
const NAMES = [...GOOD.keys()]
/** What most routes need: with them a request gets past the first checks. */
const USUAL: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    stream: ['space', 'stream', 'group'],
    'live-stream': ['space', 'stream'],
    entries: ['space', 'stream'],
    tagged: ['space', 'stream', 'tags'],
    entry: ['space', 'stream', 'id'],
    dead: ['space', 'stream', 'group', 'position'],
    schedule: ['space', 'stream', 'id'],
    limiter: ['space', 'limiter', 'subject'],
    subject: ['space', 'limiter', 'subject'],
    board: ['space', 'board', 'member'],
    member: ['space', 'board', 'member'],
    channel: ['space', 'notifier', 'channel'],
    notifier: ['space', 'notifier', 'user'],
    lock: ['space', 'lock', 'key'],
  }),
)

const USERS = ['ann', 'bob', 'eve', ''] as const

export function makeDashboardInput(random: Random, acting: boolean): DashboardInput {
  const user = acting ? random.pick(['ann', 'bob']) : random.pick(USERS)
  const acts = random.next() < 0.5
  const route = random.next() < 0.93 ? random.pick(acts ? ACTIONS : READS) : String(random.pick(ODD))
  const method =
    random.next() < 0.93
      ? acts
        ? 'POST'
        : 'GET'
      : random.pick(['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS'])
  const given = parameters(random, route, acts)
  // Without a right header no user may act.
  const sameSite = acting ? random.next() < 0.9 : random.next() < 0.5 && user !== 'ann'
  const headers: Record<string, string> = user === '' ? {} : { 'x-user': user }
  if (sameSite) headers['x-penknife-dashboard'] = '1'
  else if (random.next() < 0.5) {
    headers['x-penknife-dashboard'] = random.pick(['1', '0', 'true'])
    headers['sec-fetch-site'] = random.pick(['cross-site', 'same-site', 'none'])
  }
  if (random.next() < 0.95) headers['content-type'] = 'application/json'
  const query = acts ? '' : `?${new URLSearchParams(given.map(([name, value]) => [name, textOf(value)]))}`
  const path =
    random.next() < 0.96
      ? `/api/${encode(route)}`
      : random.pick(['', '/', '/assets/x.js', '/api/', '/x', '/api/session/', '//api/session'])
  return {
    method,
    path: path + query,
    headers,
    body: method === 'GET' || method === 'HEAD' ? undefined : bodyOf(random, given),
    mayAct: acting && user === 'ann' && sameSite,
    mayRead: user === 'ann' || user === 'bob',
  }
}

function parameters(random: Random, route: string, acts: boolean): readonly (readonly [string, unknown])[] {
  const [first = ''] = route.split('.')
  const names = new Set(USUAL.get(first) ?? USUAL.get(route) ?? ['space'])
  while (random.next() < 0.4) names.add(random.pick(NAMES))
  if (random.next() < 0.05) names.add(String(random.pick(ODD)))
  if (random.next() < 0.1) names.delete(random.pick([...names]))
  return [...names].map((name) => {
    const good = GOOD.get(name)
    const odd = good === undefined || random.next() < 0.15
    return [name, odd ? random.pick(acts ? ODD_JSON : ODD) : random.pick(good)] as const
  })
}

function bodyOf(random: Random, given: readonly (readonly [string, unknown])[]): string {
  const text = JSON.stringify(Object.fromEntries(given))
  if (random.next() < 0.94) return text
  const at = random.int(0, text.length)
  return random.pick([
    '',
    text.slice(0, at),
    `${text.slice(0, at)}${random.pick(['"', '}', '\\u0000', '[', '\u202e'])}${text.slice(at)}`,
    `[${text}]`,
    '['.repeat(5000),
    `{"__proto__":${text}}`,
  ])
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? wellFormed(value) : JSON.stringify(value)
}

function encode(route: string): string {
  return encodeURIComponent(wellFormed(route)).slice(0, 1000)
}

/** Half surrogate pairs cannot be sent. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}
