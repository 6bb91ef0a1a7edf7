import { closeDeadlineMs } from '../closing.ts'
import { LONGEST_DEADLINE_MS, durationMs, type Duration } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import type { Gate } from './batch.ts'
import { type Breaker, type Breakers, type BreakerOptions, createBreakers } from './breaker.ts'
import type { Driver } from './driver.ts'
import { createDurable, type Safety } from './durable.ts'
import { type Connection, driverOf } from './given.ts'
import { type Health, pingFailure, toHealth } from './health.ts'
import { atMost, createEndings, type End } from './endings.ts'
import { createKeys, type Keys, type Route } from './keys.ts'
import { createMovedTime, type MovedTime } from './moved-time.ts'
import { createNews, type PenknifeEvent } from './news.ts'
import { createPolicies, type Policies } from './policies.ts'
import { createRefusals } from './refusals.ts'
import { openReader, type Reader } from './reader.ts'
import { createRepeats } from './repeats.ts'
import { createRoster } from './roster.ts'
import type { Patience } from './patience.ts'
import { type Port, Runner } from './runner.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import { type Feature, watchServer } from './server.ts'
import { openServers } from './servers.ts'
import { answersWithin, createSink } from './sink.ts'
import { createSubscriber, type Subscriber } from './subscriber.ts'

export interface ConnectOptions {
  /**
   * How long a script call may take, unless a feature says otherwise. An add with `durability` may take four deadlines. Methods
   * that wait, or that make several script calls, take longer. Default: 2 s.
   */
  readonly deadline?: Duration
  /** Calls that may be unsettled at once, sent or waiting for Redis. Default: 50,000. */
  readonly maxPending?: number
  /** Bytes of the arguments of those calls. Default: 32 MiB. */
  readonly maxPendingBytes?: number
  /** When rate limiters stop asking a server that does not answer, and decide by their policy at once. */
  readonly breaker?: BreakerOptions
}

export interface CloseOptions {
  /** What did not end by then is cut off: close() always resolves. Default: 15 s. */
  readonly deadline?: Duration
}

export interface Penknife {
  /** A named part of Redis whose streams, boards and notifications one script may update together. */
  space(name: string): Space
  /** Adds a listener for what happens to the connection; the function that comes back removes it. */
  on(listener: (event: PenknifeEvent) => void): () => void
  /** For a health route: one PING, and what is known of the server. Never throws. */
  health(): Promise<Health>
  /**
   * Stops workers and subscriptions, waits for pending calls, and closes every connection it opened. Calls that wait for
   * a Redis that is away fail after half a second. Never rejects.
   *
   * @throws PENKNIFE_INVALID for a wrong option, at once.
   */
  close(options?: CloseOptions): Promise<void>
}

/** The unit of atomicity: everything in it lives in one slot of a cluster. It costs nothing until used. */
export interface Space {
  readonly name: string
  /** What features are made with; not for applications. */
  readonly runtime: Runtime
}

/** The runtime of a space, or an error that says what to give instead of what is none. */
export function runtimeOf(space: Space): Runtime {
  if (typeof space?.runtime?.bind === 'function') return space.runtime
  throw invalid('space', space, "give a space: connect(new Redis()).space('shop')")
}

/** What a feature needs from the layer below. */
export interface Runtime {
  readonly keys: Keys
  readonly subscriber: Subscriber
  readonly deadlineMs: number
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    deadlineMs?: number,
    /** What its errors say it is about, such as `stream 'orders' of space 'shop'`. */
    of?: string,
    breaker?: Breaker,
    /** Of an object whose calls must not wait once it is being closed. */
    patience?: Patience,
    gate?: Gate,
  ): Port<Item, Result>
  createPatience(): Patience
  /** For calls whose caller has another answer when Redis has none: give `bind` the one of their deadline. */
  readonly breakers: Breakers
  readonly movedTime: MovedTime
  /** Where a limiter says that its policy decided, or that Redis did. */
  readonly policies: Policies
  /**
   * As `bind`, on connections that wait until what was written is safe; a call may take four deadlines. One that
   * is not confirmed in time fails with PENKNIFE_NOT_DURABLE.
   */
  bindDurable<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    safety: Safety,
    of?: string,
  ): Port<Item, Result>
  /** A connection for blocking reads of keys in one slot; who opens it closes it. */
  openReader(route: Route): Reader
  /**
   * Says that an object of a feature was made, so that the server's settings are held against the feature, and one that is made
   * again and again is noticed.
   */
  use(feature: Feature, name: string): void
  /**
   * Registers what close() must end first; the function that comes back takes it off again. It is kept until then, with
   * everything that it refers to: an object registers while there is something to end.
   */
  onClose(end: End): () => void
  /** The same for callers that wait: they are ended last, since what is being ended may be waiting itself. */
  onCloseWaiting(end: End): () => void
}

/**
 * Opens penknife on the Redis behind a client of ioredis or node-redis: a single server, one behind Sentinel, or a Cluster.
 *
 * The client given is only a pattern: penknife opens its own with the same host, TLS, db, user, password
 * and key prefix, and leaves the given one alone. A Redis that is away is no error here: calls wait for it
 * within their deadline.
 *
 * Cost: one connection, an INFO and a CLIENT GETNAME at the start; further connections when features need them.
 *
 * @throws PENKNIFE_INVALID for a wrong option or a keyPrefix with braces.
 */
export function connect(redis: Connection, options: ConnectOptions = {}): Penknife {
  checkOptions('connect', options, ['deadline', 'maxPending', 'maxPendingBytes', 'breaker'])
  const deadlineMs = durationMs('deadline', options.deadline ?? 2000, { max: LONGEST_DEADLINE_MS })
  const maxPending = wholeNumber('maxPending', options.maxPending ?? 50_000, 1, 10_000_000)
  const maxPendingBytes = wholeNumber('maxPendingBytes', options.maxPendingBytes ?? 32 << 20, 1024, 2 ** 40)

  const breakers = createBreakers(options.breaker ?? {}, {
    nodeOf: (slot) => servers.nameOf(slot),
    probe: (slot, key, ms) => answersWithin(sink, slot, key, ms),
  })

  const news = createNews()
  const roster = createRoster(news.connecting)
  const driver = driverOf(redis, roster)
  const servers = openServers(driver)
  const { commands } = servers
  const sink = createSink(servers, () => {
    runner.resume()
    breakers.resume()
  })
  const refusals = createRefusals(news.refusing)
  const policies = createPolicies(news.policy, news.decides)
  const limits = { cluster: driver.cluster, maxPending, maxPendingBytes, refusals }
  const runner: Runner = new Runner(sink, {
    ...limits,
    onReadonly: atMostEvery(1000, () => commands.lookAgain()),
  })
  const durable = createDurable(servers, {
    ...limits,
    deadlineMs,
    tried: (command, error) => watch.tried(command, error),
  })
  const watch = watchServer(commands, `${driver.keyPrefix}pk1:`, news.finding)
  let closing: Promise<void> | undefined
  commands.on('ready', () => {
    news.available()
    watch.look()
  })
  commands.on('closed', (cause) => news.unavailable(cause?.message ?? 'the connection was closed'))

  const subscriber = createSubscriber(servers, refusals, watch.tried)
  const endings = createEndings()
  const waiting = createEndings()
  const repeated = createRepeats()
  const movedTime = createMovedTime()

  async function closeAll(ms: number): Promise<void> {
    const until = performance.now() + ms
    const left = (): number => Math.max(0, until - performance.now())
    runner.patience.end(CLOSING_MS)
    durable.hurry(CLOSING_MS)
    const going = await endings.run(ms)
    if (going > 0) {
      const what = `penknife.close(): ${going} workers or subscriptions did not end within ${ms} ms and are cut off`
      process.emitWarning(what, 'PenknifeWarning')
    }
    await waiting.run(left())
    news.close()
    breakers.close()
    // What was sent and is not answered fails with its connection.
    await atMost(left(), Promise.all([runner.close(), durable.idle()]))
    movedTime.close()
    subscriber.close()
    durable.close()
    void commands.close()
  }

  return {
    space(name) {
      return createSpace(checkName('space', name), driver, {
        subscriber,
        deadlineMs,
        breakers,
        movedTime,
        policies,
        bind: (script, shared, ms = deadlineMs, of = '', breaker, patience, gate) =>
          runner.bind(script, shared, ms, of, breaker, patience, gate),
        createPatience: () => runner.createPatience(),
        bindDurable: durable.bind,
        openReader(route) {
          if (closing) throw new PenknifeError('PENKNIFE_CLOSED', 'worker: penknife was closed')
          return openReader(servers, route.slot, roster.reasonOf)
        },
        use(feature, object) {
          watch.use(feature)
          repeated(feature, name, object)
        },
        onClose: (end) => endings.add(end),
        onCloseWaiting: (end) => waiting.add(end),
      })
    },
    on: news.on,
    async health() {
      const started = performance.now()
      const failed = closing ? 'penknife was closed' : await pingFailure(commands, deadlineMs)
      const why = failed && !closing ? (sink.lastError?.message ?? failed) : failed
      return toHealth(why, performance.now() - started, {
        connections: roster.look(),
        refused: refusals.list(),
        policies: policies.list(),
        pending: runner.pending + durable.pending,
        server: watch.server(),
        findings: watch.findings(),
      })
    },
    close: (ending = {}) => (closing ??= closeAll(closeDeadlineMs(ending, CLOSE_MS))),
  }
}

/** A worker has 10 s for its handlers, and then tells Redis how they ended. */
const CLOSE_MS = 15_000
/** How long calls still wait for a connection once penknife is being closed. */
const CLOSING_MS = 500

function createSpace(name: string, { keyPrefix, db }: Driver, runtime: Omit<Runtime, 'keys'>): Space {
  return { name, runtime: { ...runtime, keys: createKeys(name, { keyPrefix, db }) } }
}

function atMostEvery(ms: number, run: () => void): () => void {
  let next = 0
  return () => {
    if (performance.now() < next) return
    next = performance.now() + ms
    run()
  }
}
