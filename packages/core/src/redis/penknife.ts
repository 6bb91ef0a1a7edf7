import { closeDeadlineMs } from '../closing.ts'
import { LONGEST_DEADLINE_MS, durationMs, type Duration } from '../duration.ts'
import { detached } from '../detached.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { createTaps, createTopic, type Taps } from '../events.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { warn } from '../warn.ts'
import type { Gate } from './batch.ts'
import type { BatchEvent } from './batch-event.ts'
import { type Breaker, type Breakers, type BreakerOptions, createBreakers } from './breaker.ts'
import { type Connection, driverOf } from './choose-driver.ts'
import { createDurable, type Safety } from './durable.ts'
import { atMost, createEndings, type End } from './endings.ts'
import { ask, type Health, pingFailure, toHealth } from './health.ts'
import type { Line } from './driver.ts'
import { createKeys, type Keys, type Route } from './keys.ts'
import { createMovedTime, type MovedTime } from './moved-time.ts'
import { createPenknifeEvents, type PenknifeEvent } from './penknife-events.ts'
import { createPolicies, type Policies } from './policies.ts'
import { openReader, type Reader } from './reader.ts'
import { createRegistry } from './registry.ts'
import { createRefusals } from './refusals.ts'
import { watchFactories } from './repeated-factories.ts'
import { createRoster } from './roster.ts'
import { type Port, Runner } from './runner.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import { spaceRegister } from './scripts.gen.ts'
import { type Feature, type ServerWatch, watchServer } from './server.ts'
import { openServers } from './servers.ts'
import { answersWithin, createSink } from './sink.ts'
import { createSubscriber, type Subscriber } from './subscriber.ts'
import { createTally, type Tally } from './tally.ts'
import type { WaitLimit } from './wait-limit.ts'

export interface ConnectOptions {
  /**
   * How long a script call may take, unless a feature says otherwise. An add with `durability` may take four deadlines. Methods
   * that wait, or that make several script calls, take longer. Default: 2 s.
   */
  readonly deadline?: Duration | undefined
  /** The most calls that may be pending at once, sent or waiting for Redis. Default: 50,000. */
  readonly maxPending?: number | undefined
  /** Bytes of the arguments of those calls. Default: 32 MiB. */
  readonly maxPendingBytes?: number | undefined
  /** When rate limiters stop sending calls to a server that does not answer, and decide by their policy at once. */
  readonly breaker?: BreakerOptions | undefined
  /**
   * Whether each worker of a stream has a connection of its own, or the workers of the process share a few: see `connection` of a
   * worker, which overrides it. Default: 'own'.
   */
  readonly workerConnection?: WorkerConnection | undefined
}

/** Over which connections a worker gets its entries. */
export type WorkerConnection = 'own' | 'shared'

export interface CloseOptions {
  /** Workers and subscriptions that have not ended by then are cut off. close() always resolves. Default: 15 s. */
  readonly deadline?: Duration | undefined
}

export interface Penknife {
  /** A named part of Redis whose streams, boards and notifications one script may update together. */
  space(name: string): Space
  /** Adds a listener for events of the connections. Returns a function that removes it. */
  on(listener: (event: PenknifeEvent) => void): () => void
  /** For a health route: sends one PING, and reports the state of the connections and the server. Never throws. */
  health(): Promise<Health>
  /**
   * Stops workers and subscriptions, waits for pending calls, and closes all connections of penknife. While Redis is away,
   * waiting calls fail after half a second. Never rejects.
   *
   * @throws PENKNIFE_INVALID for a wrong option, at once.
   */
  close(options?: CloseOptions): Promise<void>
}

/** The unit of atomicity: all keys of a space are in one slot of a cluster. A space costs nothing until it is used. */
export interface Space {
  readonly name: string
  /** For penknife's features, not for applications. */
  readonly runtime: Runtime
}

/** The runtime of a space. Throws PENKNIFE_INVALID for a value that is not a space. */
export function runtimeOf(space: Space): Runtime {
  if (typeof space?.runtime?.bind === 'function') return space.runtime
  throw invalid('space', space, "give a space: connect(new Redis()).space('shop')")
}

/** What redis/ offers to the features. */
export interface Runtime {
  readonly keys: Keys
  /** Whether it runs on a cluster, where slots are on several servers. */
  readonly cluster: boolean
  readonly subscriber: Subscriber
  readonly deadlineMs: number
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    deadlineMs?: number,
    /** The object's name in errors, such as `stream 'orders' of space 'shop'`. */
    of?: string,
    breaker?: Breaker,
    /** For an object whose calls must not wait for a connection once it is being closed. */
    waitLimit?: WaitLimit,
    gate?: Gate,
  ): Port<Item, Result>
  createWaitLimit(): WaitLimit
  /** For callers that can decide without Redis: give `bind` the breaker of the calls' deadline. */
  readonly breakers: Breakers
  readonly movedTime: MovedTime
  /** Where a limiter reports that its policy decided, or that Redis did. */
  readonly policies: Policies
  /** Give them to each topic whose events metrics count. */
  readonly taps: Taps
  /** Open subscriptions of notifiers. */
  readonly subscriptions: Tally
  /**
   * As `bind`, on connections that wait until the writes are safe. A call may take four deadlines. A call that is not confirmed
   * in time fails with PENKNIFE_NOT_DURABLE.
   */
  bindDurable<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    safety: Safety,
    of?: string,
  ): Port<Item, Result>
  /** Opens a connection for blocking reads of keys in one slot. The caller closes it. */
  openReader(route: Route): Reader
  /** The connection for commands to the server of a slot; undefined while that is not known. */
  commandsOf(route: Route): Line | undefined
  /** Reports the outcome of an optional command, for findings. */
  readonly tried: ServerWatch['tried']
  /** What `create` returns, which is called once for all spaces. */
  single<T>(create: (runtime: Runtime) => T): T
  /** See `ConnectOptions`. */
  readonly workerConnection: WorkerConnection
  /**
   * Reports that an object of a feature was created. The server's settings are then checked for that feature, and a factory that
   * is called again and again is noticed. The object is registered for tools, with the `options` that a tool needs to open it: plain data.
   */
  use(feature: Feature, name: string, options?: object): void
  /** Sends a command that needs no key, within the deadline. For tools. */
  ask(command: 'info' | 'time'): Promise<unknown>
  /** Registers at once what waits to be registered. Never rejects. */
  registered(): Promise<void>
  /**
   * Registers a function that close() calls first. Returns a function that removes it. Until then the function is kept, with
   * everything that it refers to, so register only while there is something to end.
   */
  onClose(end: End): () => void
  /** The same for waiting callers. They are ended last, because a worker that is being closed may be a waiting caller. */
  onCloseWaiting(end: End): () => void
}

/**
 * Opens penknife on the Redis behind a client of ioredis or node-redis: a single server, one behind Sentinel, or a Cluster.
 *
 * Penknife copies the client's settings (host, TLS, db, user, password, key prefix) for connections of its own, and never uses
 * the client itself. A Redis that is away is no error here: calls wait for it within their deadline.
 *
 * Cost: one connection, an INFO and a CLIENT GETNAME at the start. Further connections when features need them.
 *
 * @throws PENKNIFE_INVALID for a wrong option or a keyPrefix with braces.
 */
export function connect(redis: Connection, options: ConnectOptions = {}): Penknife {
  return detached(() => open(redis, options))
}

function open(redis: Connection, options: ConnectOptions): Penknife {
  checkOptions('connect', options, [
    'deadline',
    'maxPending',
    'maxPendingBytes',
    'breaker',
    'workerConnection',
  ])
  const deadlineMs = durationMs('deadline', options.deadline ?? 2000, { max: LONGEST_DEADLINE_MS })
  const maxPending = wholeNumber('maxPending', options.maxPending ?? 50_000, 1, 10_000_000)
  const maxPendingBytes = wholeNumber('maxPendingBytes', options.maxPendingBytes ?? 32 << 20, 1024, 2 ** 40)

  const workerConnection = checkWorkerConnection('workerConnection', options.workerConnection ?? 'own')

  const taps = createTaps()
  const subscriptions = createTally()
  const probed = {
    nodeOf: (slot: number) => servers.nameOf(slot),
    probe: (slot: number, key: string, ms: number) => answersWithin(sink, slot, key, ms),
  }
  const breakers = createBreakers(options.breaker ?? {}, probed, taps)

  const events = createPenknifeEvents(taps)
  const roster = createRoster(events.connecting)
  const driver = driverOf(redis, roster)
  const servers = openServers(driver)
  const { commands } = servers
  const sink = createSink(servers, () => {
    runner.resume()
    breakers.resume()
  })
  const refusals = createRefusals(events.refusing)
  const policies = createPolicies(events.policy, events.decides)
  const topic = createTopic<BatchEvent>('penknife:batch', taps)
  const limits = { cluster: driver.cluster, maxPending, maxPendingBytes, refusals, topic }
  const runner: Runner = new Runner(sink, {
    ...limits,
    onReadonly: atMostEvery(1000, () => commands.reconnect()),
  })
  const durable = createDurable(servers, {
    ...limits,
    deadlineMs,
    tried: (command, error) => watch.tried(command, error),
  })
  const watch = watchServer(commands, `${driver.keyPrefix}pk1:`, events.finding)
  let closing: Promise<void> | undefined
  commands.on('ready', () => {
    events.available()
    watch.inspect()
  })
  commands.on('closed', (cause) => events.unavailable(cause?.message ?? 'the connection was closed'))

  const subscriber = createSubscriber(servers, refusals, watch.tried)
  const singles = new Map<unknown, unknown>()
  const endings = createEndings()
  const waiting = createEndings()
  const repeated = watchFactories()
  const movedTime = createMovedTime()
  const registry = createRegistry(runner.bind(spaceRegister, [], deadlineMs), (slot) => sink.ready(slot))

  async function closeAll(ms: number): Promise<void> {
    const until = performance.now() + ms
    const left = (): number => Math.max(0, until - performance.now())
    runner.waitLimit.end(CLOSING_MS)
    registry.close()
    durable.hurry(CLOSING_MS)
    const going = await endings.run(ms)
    if (going > 0) {
      const what = `penknife.close(): ${going} workers or subscriptions did not end within ${ms} ms and are cut off`
      warn('PENKNIFE_CUT_OFF', what)
    }
    await waiting.run(left())
    events.close()
    breakers.close()
    // Calls without a reply fail when their connection closes.
    await atMost(left(), Promise.all([runner.close(), durable.idle()]))
    movedTime.close()
    subscriber.close()
    durable.close()
    void commands.close()
  }

  return {
    space(name) {
      const keys = createKeys(checkName('space', name), driver)
      const runtime: Runtime = {
        keys,
        cluster: driver.cluster,
        subscriber,
        deadlineMs,
        breakers,
        movedTime,
        policies,
        taps,
        subscriptions,
        bind: (script, shared, ms = deadlineMs, of = '', breaker, waitLimit, gate) =>
          runner.bind(script, shared, ms, of, breaker, waitLimit, gate),
        createWaitLimit: () => runner.createWaitLimit(),
        bindDurable: durable.bind,
        openReader(route) {
          if (closing) throw new PenknifeError('PENKNIFE_CLOSED', 'worker: penknife was closed')
          return openReader(servers, route.slot, roster.reasonOf)
        },
        commandsOf: ({ slot }) => servers.commandsOf(slot),
        tried: watch.tried,
        single<T>(create: (of: Runtime) => T): T {
          if (!singles.has(create)) singles.set(create, create(runtime))
          return singles.get(create) as T
        },
        workerConnection,
        use(feature, object, given = {}) {
          watch.use(feature)
          repeated(feature, name, object)
          registry.add(keys, name, feature, object, given)
        },
        ask: (command) => ask(commands, deadlineMs, command),
        registered: registry.flush,
        onClose: (end) => endings.add(end),
        onCloseWaiting: (end) => waiting.add(end),
      }
      return { name, runtime }
    },
    on: events.on,
    async health() {
      const started = performance.now()
      const failed = closing ? 'penknife was closed' : await pingFailure(commands, deadlineMs)
      const why = failed && !closing ? (sink.lastError?.message ?? failed) : failed
      return toHealth(why, performance.now() - started, {
        connections: roster.list(),
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

export function checkWorkerConnection(name: string, value: WorkerConnection): WorkerConnection {
  if (value === 'own' || value === 'shared') return value
  throw invalid(name, value, "give 'own' or 'shared'")
}

/** A worker has 10 s for its handlers. Then it sends their outcomes to Redis. */
const CLOSE_MS = 15_000
/** How long calls wait for a connection while penknife is being closed. */
const CLOSING_MS = 500

function atMostEvery(ms: number, run: () => void): () => void {
  let next = 0
  return () => {
    if (performance.now() < next) return
    next = performance.now() + ms
    run()
  }
}
