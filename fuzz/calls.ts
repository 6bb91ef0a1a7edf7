import {
  type BoardReadOptions,
  createLeaderboard,
  createMergedLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  ranksOn,
  type RateLimiter,
  type Space,
} from '@penknife/core'

/** Every kind of call that the features' objects have, by name. Each may be made again and again. */
export type PublicCalls = Readonly<Record<string, () => Promise<unknown>>>

/** Makes one object of each kind in a space, and the calls. `deadline` is that of the limiters, in milliseconds. */
export function publicCalls(space: Space, deadline = 300): PublicCalls {
  return {
    ...limiterCalls(space, deadline),
    ...boardCalls(space),
    ...streamCalls(space),
    ...notifierCalls(space),
  }
}

function limiterCalls(space: Space, deadline: number): PublicCalls {
  const gcra = { name: 'r', limit: 5, window: '1m' } as const
  const strict = { whenUnavailable: 'throw', denyCache: false, deadline } as const
  const plain = createRateLimiter(space, 'plain', { rules: [gcra], ...strict })
  const two = createRateLimiter(space, 'two', { rules: [gcra, { ...gcra, name: 's' }], ...strict })
  const every = createRateLimiter(space, 'all', {
    rules: [
      gcra,
      { name: 'fixed', limit: 500, window: '1m', algorithm: 'fixed-window' },
      { name: 'day', limit: 500, algorithm: 'fixed-window', calendar: 'day', timeZone: 'UTC' },
      { name: 'sliding', limit: 500, window: '1m', algorithm: 'sliding-window' },
      { name: 'log', limit: 500, window: '1m', algorithm: 'sliding-log' },
      { name: 'slots', limit: 30, algorithm: 'concurrency', lease: 5000 },
    ],
    ...strict,
  })
  return {
    'limiter.take': () => plain.take('ann'),
    'limiter.take with a cost': () => plain.take('ann', { cost: 2 }),
    'limiter.wait': () => plain.wait('bob', { maxWait: 100 }),
    'limiter.block': () => plain.block('cem', { duration: '1m', reason: 'why' }),
    'limiter.take of who is blocked': () => plain.take('cem'),
    'limiter.unblock': () => plain.unblock('cem'),
    'limiter.take of two rules': () => two.take('ann'),
    'limiter.refund of two rules': () => two.refund('ann'),
    'limiter.reserve of two rules': () => reserveAndCommit(two),
    'limiter.take of all algorithms': () => every.take('ann'),
    'limiter.take and release of a slot': async () => (await every.take('ann')).lease?.release(),
    'limiter.take and renewal of a slot': async () => (await every.take('ann')).lease?.renew(),
    'limiter.reserve': () => every.reserve('ann', { cost: 2, expires: '1m' }),
    'limiter.reserve and commit': () => reserveAndCommit(every),
    'limiter.reserve and cancel': async () =>
      (await every.reserve('ann', { cost: 2, expires: '1m' })).cancel(),
    'limiter.refund': () => every.refund('ann'),
    'limiter.penalty': () => every.penalty('ann'),
    'limiter.block of all algorithms': () => every.block('ann', { duration: '1m', reason: 'why' }),
    'limiter.unblock of all algorithms': () => every.unblock('ann'),
    'limiter.reset': () => every.reset('ann'),
    'limiter.blocks': () => every.blocks(),
    'limiter.set': () => every.set('ann', { used: 3 }),
  }
}

async function reserveAndCommit(limiter: RateLimiter): Promise<boolean> {
  return (await limiter.reserve('ann', { cost: 2, expires: '1m' })).commit(1)
}

function boardCalls(space: Space): PublicCalls {
  const plain = createLeaderboard<{ a: number }>(space, 'points')
  const windows = createLeaderboard<{ a: number }>(space, 'windows', {
    windows: {
      all: 'all-time',
      day: { calendar: 'day' },
      hour: { last: '1h' },
      about: { last: '1d', tolerance: '1h' },
    },
    denseRanks: true,
    dedup: { window: '1h' },
    events: { top: 3, overtaken: 2 },
  })
  windows.on(() => {})
  const first = createLeaderboard(space, 'first', {
    order: 'ascending',
    keep: 5,
    ties: { since: '2026-01-01', until: '2036-01-01' },
  })
  const back = createLeaderboard(space, 'back', { ties: 'member-descending' })
  const merged = createMergedLeaderboard(space, 'back', { boards: [plain, back], how: 'sum', expires: '1m' })
  const members = ['ann', 'bob', 'cem', 'nobody']
  const data: BoardReadOptions = { data: true }
  const hour: BoardReadOptions = { window: 'hour', data: true, ranks: 'dense' }
  return {
    'board.increment': () => plain.increment('ann'),
    'board.increment, with the change': () => plain.increment('ann', 2, { change: true }),
    'board.set': () => plain.set('ann', 5),
    'board.set, with the change': () => plain.set('ann', 5, { change: true }),
    'board.best': () => plain.best('ann', 7),
    'board.update': () =>
      plain.update([
        { member: 'ann', increment: 1 },
        { member: 'bob', set: 3 },
      ]),
    'board.top': () => plain.top(),
    'board.top with data': () => plain.top(10, 1, data),
    'board.rank': () => plain.rank('ann'),
    'board.rank with data': () => plain.rank('ann', data),
    'board.ranks': () => plain.ranks(members, data),
    'board.around': () => plain.around('ann', 2, data),
    'board.byScore': () => plain.byScore({ min: 1, max: 1e6, count: 5 }),
    'board.count': () => plain.count(),
    'board.count of a range': () => plain.count({ min: 1, max: 10 }),
    'board.percentile': () => plain.percentile('ann'),
    'board.scoreAt': () => plain.scoreAt(50),
    'board.among': () => plain.among(members),
    'board.export': () => all(plain.export()),
    'board.describe': () => plain.describe('ann', { a: 1 }),
    'board.describe nothing': () => plain.describe('ann', null),
    'board.remove': () => plain.remove('bob'),
    'board.ranksOn': () => ranksOn([plain, windows, back], 'ann'),
    'back.update': () => back.update(members.map((member) => ({ member, set: 3 }))),
    'back.top': () => back.top(),
    'back.rank': () => back.rank('bob'),
    'back.byScore': () => back.byScore({ above: 1, max: 1e6 }),
    'back.removeRange': () => back.removeRange({ from: 3 }),
    'back.merge': () => merged.merge(),
    'back.merged top': () => merged.top(),
    'windows.increment': () => windows.increment('ann', 1),
    'windows.increment with an id': () => windows.increment('ann', 1, { id: 'i' }),
    'windows.update': () =>
      windows.update([
        { member: 'ann', increment: 1 },
        { member: 'bob', increment: 2 },
      ]),
    'windows.update, with the change': () =>
      windows.update([{ member: 'dee', increment: 1 }], { change: 'hour' }),
    'windows.undo': () => windows.undo('i'),
    'windows.top': () => windows.top(3, 1, { window: 'hour' }),
    'windows.top of the day before': () => windows.top(3, 1, { window: 'day', ranks: 'dense' }),
    'windows.rank': () => windows.rank('ann', hour),
    'windows.around': () => windows.around('ann', 5, hour),
    'windows.byScore': () => windows.byScore({ min: 0 }, hour),
    'windows.among': () => windows.among(members, { window: 'about' }),
    'windows.percentile': () => windows.percentile('ann', { window: 'about' }),
    'windows.scoreAt': () => windows.scoreAt(0, { window: 'hour' }),
    'windows.count': () => windows.count({ max: 5 }, { window: 'about' }),
    'windows.export': () => all(windows.export({ window: 'hour' })),
    'windows.describe': () => windows.describe('bob', { a: 2 }),
    'windows.remove': () => windows.remove('ann'),
    'first.set': () => first.set('ann', 3),
    'first.best': () => first.best('cem', 2, { change: true }),
    'first.top': () => first.top(10),
    'first.rank': () => first.rank('ann'),
    'first.remove': () => first.remove('bob'),
  }
}

function streamCalls(space: Space): PublicCalls {
  const queue = createStream<number>(space, 'queue', { groups: ['billing', 'mailing'], maxBacklog: 1000 })
  const log = createStream<number>(space, 'log', { groups: ['search'], retain: { entries: 50, age: '1h' } })
  const [billing, search] = [queue.group('billing'), log.group('search')]
  return {
    'queue.add': () => queue.add(1),
    'queue.add once': () => queue.add(1, { id: 'k' }),
    'queue.add with a delay': () => queue.add(1, { delay: 50 }),
    'queue.add at a time': () => queue.add(1, { id: 'at', at: new Date(Date.now() + 60_000) }),
    'queue.addMany': () => queue.addMany([1, 2, 3]),
    'queue.read': () => queue.read(),
    'queue.stats': () => queue.stats({ over: 0 }),
    'log.add': () => log.add(1),
    'log.addMany': () => log.addMany(Array.from({ length: 64 }, (_, at) => at)),
    'log.read in reverse': () => log.read({ reverse: true, limit: 5 }),
    'log.replay': () => all(log.replay({ pageEntries: 3 })),
    'log.replay in reverse': () => all(log.replay({ reverse: true })),
    'log.stats': () => log.stats({ over: 0 }),
    'group.pause': () => billing.pause(),
    'group.resume': () => billing.resume(),
    'group.reset': () => search.reset({ to: '-' }),
    'group.reset to the end': () => search.reset({ to: '+', discard: true }),
    'group.drop': () => queue.group('other').drop(),
    'deadLetters.list': () => all(billing.deadLetters.iterate()),
    'deadLetters.list, oldest first': () =>
      all(billing.deadLetters.iterate({ oldestFirst: true, why: 'failed', pageEntries: 1 })),
    'deadLetters.get': () => billing.deadLetters.get('1-1'),
    'deadLetters.requeue': () => billing.deadLetters.requeue({}),
    'deadLetters.requeue one': () => billing.deadLetters.requeue('1-1'),
    'deadLetters.purge': () => billing.deadLetters.purge({}),
  }
}

function notifierCalls(space: Space): PublicCalls {
  const notifier = createNotifier(space, 'main', { history: 20 })
  const aging = createNotifier(space, 'aging', { age: '1m' })
  const onEvent = (): void => {}
  const admission = { onRevoked: () => {}, onEnd: () => {} }
  return {
    'notifier.publish': () => notifier.publish('room', 1),
    'notifier.publish once': () => notifier.publish('room', 1, { id: 'x' }),
    'notifier.publish what supersedes': () => notifier.publish('room', 1, { coalesce: 'price', ttl: '1m' }),
    'notifier.nudge': () => notifier.nudge('room', 1),
    'notifier.history': () => notifier.history('room'),
    'notifier.history from a position': () => notifier.history('room', { after: '5-1-abcdef', limit: 3 }),
    'notifier.positions': () => notifier.positions(['room', 'empty']),
    'notifier.subscribe': async () => (await notifier.subscribe(['room', 'empty'], { onEvent })).close(),
    'notifier.subscribe from the oldest': async () =>
      (await notifier.subscribe(['room'], { onEvent, from: { room: '-' } })).close(),
    'notifier.subscribe, with a state': async () =>
      (await notifier.subscribe(['room'], { onEvent, getState: () => 1 })).close(),
    'notifier.events': async () => notifier.events(['room']).return?.(),
    'notifier.events, the first': () => firstOf(notifier.events(['room'], { from: { room: '-' } })),
    'notifier.listen': async () => (await notifier.listen(['ro*'], { onEvent })).close(),
    'notifier.admit': async () => (await notifier.admit('ann', admission)).close(),
    'notifier.admit and limit': async () => {
      const admitted = await notifier.admit('ann', admission)
      await admitted.limit(2).finally(() => void admitted.close())
    },
    'notifier.revoke': () => notifier.revoke('ann'),
    'notifier.revoke channels': () => notifier.revoke('ann', ['room']),
    'aging.publish': () => aging.publish('room', 1),
    'aging.history': () => aging.history('room', { limit: 2 }),
    'aging.subscribe': async () =>
      (await aging.subscribe(['room'], { onEvent, from: { room: '-' } })).close(),
  }
}

/** More items than the calls here create. An iteration beyond that has no end. */
const MOST_ITEMS = 20_000

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const item of items) {
    if (found.push(item) > MOST_ITEMS) throw new Error(`an iteration of more than ${MOST_ITEMS} items`)
  }
  return found
}

/** The first item. Undefined if none arrives within a short time. */
async function firstOf<T>(items: AsyncIterableIterator<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), 20)
  })
  try {
    return await Promise.race([items.next().then(({ value }): T => value as T), late])
  } finally {
    clearTimeout(timer)
    await items.return?.()
  }
}
