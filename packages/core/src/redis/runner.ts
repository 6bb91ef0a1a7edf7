import { PenknifeError } from '../errors.ts'
import type { Topic } from '../events.ts'
import type { BatchEvent } from './batch-event.ts'
import { Batch, type BatchOwner, type Bound, type Gate, kindsOf } from './batch.ts'
import type { Breaker } from './breaker.ts'
import { Bulk } from './command-args.ts'
import { Deadlines } from './deadlines.ts'
import type { Receiver } from './driver.ts'
import { isReply, movedAway, neverSent, replyCode } from './failures.ts'
import type { Route } from './keys.ts'
import type { Refusals } from './refusals.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import type { CommandSink } from './sink-types.ts'
import { WaitLimit } from './wait-limit.ts'

export interface RunnerOptions {
  /** On a cluster a batch has items of one slot only. */
  readonly cluster: boolean
  /** The most calls that may be pending at once, sent or waiting. */
  readonly maxPending: number
  /** The most bytes of the arguments of those calls. */
  readonly maxPendingBytes: number
  readonly refusals: Refusals
  readonly topic: Topic<BatchEvent>
  /** Called when a server turns out to be a replica: the connection should find the master again. */
  readonly onReadonly: () => void
}

/** Sends one item of a script. Resolves with its reply. */
export interface Port<Item extends readonly Arg[], Result> {
  (route: Route, ...item: Item): Promise<Result>
  /** Calls a receiver instead: in the tick in which the reply arrives, or at once if the call cannot be sent. */
  to(receiver: Receiver<Result>, route: Route, ...item: Item): void
}

/** With this many batches or more, one write of several parts costs less than a write for each. */
const TOGETHER = 3
/** The bytes of arguments of a full batch. A larger item is sent alone. */
const BATCH_BYTES = 256 * 1024

/**
 * Runs scripts in batches. Calls of one tick to the same script, with the same shared values and (on a cluster) for the same
 * slot, are sent as one EVALSHA, in the order in which they were made.
 *
 * Each call ends within its deadline. A call that Redis refused, or that was not sent, is not done. A script that raised an
 * error, and a batch whose connection broke, have an unknown fate, and are never sent again.
 */
export class Runner {
  readonly #sink: CommandSink
  readonly #options: RunnerOptions
  #gathering: Batch[] = []
  #waiting = new Set<Batch>()
  readonly #deadlines = new Map<number, Deadlines<Batch>>()
  /** For ports without a wait limit of their own. */
  readonly waitLimit: WaitLimit = this.createWaitLimit()
  #calls = 0
  #bytes = 0
  #closed = false
  #idle: (() => void) | undefined

  constructor(sink: CommandSink, options: RunnerOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** Calls that are sent or waiting, and have no reply yet. */
  get pending(): number {
    return this.#calls
  }

  createWaitLimit(): WaitLimit {
    const waitLimit: WaitLimit = new WaitLimit(() => {
      for (const batch of this.#waiting) if (batch.bound.waitLimit === waitLimit) this.#expire(batch)
    })
    return waitLimit
  }

  /**
   * Binds a script to the values that its calls share and to a deadline in milliseconds. Errors contain the script's name and
   * `of`, the object's name. With a breaker calls fail at once while its circuit is open. With a gate calls are sent when the
   * gate's promise has resolved.
   */
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    deadlineMs: number,
    of: string = '',
    breaker?: Breaker,
    waitLimit: WaitLimit = this.waitLimit,
    gate?: Gate,
  ): Port<Item, Result> {
    const name = of === '' ? script.name : `${script.name} of ${of}`
    const deadlines = this.#deadlinesOf(deadlineMs)
    const { topic } = this.#options
    const bound: Bound = {
      script,
      name,
      shared: shared.map((value) => (isKeys(value) ? value : new Bulk(value))),
      readOnly: /^#!lua flags=\S*no-writes/.test(script.text),
      kinds: kindsOf(script.returns),
      sha: new Bulk(script.sha),
      deadlineMs,
      deadlines,
      breaker,
      waitLimit,
      gate,
      topic,
      owner: this.#owner,
    }
    /** The last batch of each slot. Without a cluster there is one for all. */
    const last = new Map<number, Batch>()
    const to: Port<Item, Result>['to'] = (receiver, route, ...item) => {
      const bytes = sizeOf(item)
      const refusal = this.#refusal(name, bytes) ?? breaker?.refusal(name, route.slot)
      if (refusal) {
        if (topic.observed) {
          topic.emit({ script: script.name, calls: 1, done: 0, notDone: 1, durationMs: undefined })
        }
        receiver.failed(refusal)
        return
      }
      const group = this.#options.cluster ? route.slot : 0
      const batch = last.get(group)
      if (!batch?.gathers || batch.calls >= script.batch || batch.bytes + bytes > BATCH_BYTES) {
        const next = new Batch(bound, route.slot, item, bytes, receiver)
        last.set(group, next)
        if (this.#gathering.push(next) === 1) this.#flushSoon()
      } else batch.add(item, bytes, receiver)
      this.#calls += 1
      this.#bytes += bytes
    }
    const port = (route: Route, ...item: Item): Promise<Result> =>
      new Promise((received, failed) => to({ received, failed }, route, ...item))
    return Object.assign(port, { to })
  }

  /** Sends the waiting calls. Call it when a connection is ready. */
  resume(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#sendAll(waiting)
  }

  /** Refuses new calls. Resolves when the pending ones have ended, by reply or by deadline. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#calls > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  #refusal(what: string, bytes: number): PenknifeError | undefined {
    if (this.#closed) return new PenknifeError('PENKNIFE_CLOSED', `${what}: penknife was closed`)
    const { maxPending, maxPendingBytes } = this.#options
    if (this.#calls < maxPending && this.#bytes + bytes <= maxPendingBytes) return undefined
    return new PenknifeError(
      'PENKNIFE_OVERLOADED',
      `${what}: ${this.#calls} calls (${this.#bytes} bytes) wait for Redis, which is ${this.#sink.status}; ` +
        'await some of them first, or raise maxPending and maxPendingBytes of connect()',
    )
  }

  #deadlinesOf(ms: number): Deadlines<Batch> {
    let deadlines = this.#deadlines.get(ms)
    if (!deadlines) this.#deadlines.set(ms, (deadlines = new Deadlines(ms, (batch) => this.#expire(batch))))
    return deadlines
  }

  /**
   * Sends at the end of this tick, so that all calls of the tick are in one batch. Without pending calls it sends earlier, right
   * after the current callback.
   */
  #flushSoon(): void {
    if (this.#calls === 0) process.nextTick(this.#flush)
    else setImmediate(this.#flush)
  }

  readonly #owner: BatchOwner = {
    received: (batch, reply) => {
      batch.answered()
      if (this.#options.refusals.any) this.#options.refusals.done(batch.bound.script.name)
      this.#settle(batch)
      batch.resolve(reply, this.#options.onReadonly)
      this.#ended()
    },
    failed: (batch, error) => this.#fail(batch, error),
  }

  readonly #flush = (): void => {
    const gathered = this.#gathering
    this.#gathering = []
    for (const batch of gathered) {
      batch.gathers = false
      batch.startDeadline()
    }
    this.#sendAll(gathered)
  }

  #sendAll(batches: readonly Batch[]): void {
    const send = (): void => {
      for (const batch of batches) this.#send(batch)
    }
    if (batches.length < TOGETHER) send()
    else this.#sink.together(send)
  }

  #send(batch: Batch): void {
    if (!this.#sink.ready(batch.slot) || batch.endsRefused) this.#wait(batch)
    else {
      const opening = batch.bound.gate?.()
      if (opening) this.#waitForGate(batch, opening)
      else this.#run(batch, 'evalsha', batch.bound.sha)
    }
  }

  /** Waits for a gate, at most until the deadline. */
  #waitForGate(batch: Batch, opening: Promise<void>): void {
    this.#wait(batch)
    opening.then(
      () => {
        if (this.#waiting.delete(batch)) this.#send(batch)
      },
      (error: PenknifeError) => {
        if (this.#waiting.delete(batch)) this.#drop(batch, error)
      },
    )
  }

  /** Ends a batch that was not sent. */
  #drop(batch: Batch, failure: PenknifeError): void {
    this.#settle(batch)
    batch.reject(failure)
    this.#ended()
  }

  #wait(batch: Batch): void {
    this.#waiting.add(batch)
    if (batch.bound.waitLimit.over) this.#expire(batch)
  }

  #run(batch: Batch, command: 'evalsha' | 'eval', script: Bulk): void {
    batch.sent = true
    if (batch.sentAt === 0 && batch.bound.topic.observed) batch.sentAt = performance.now()
    try {
      this.#sink.send(command, batch.command(script), batch.slot, batch)
    } catch (error) {
      this.#fail(batch, error)
    }
  }

  #fail(batch: Batch, error: unknown): void {
    const code = replyCode(error)
    if (code === 'NOSCRIPT' && !batch.settled) {
      // After a restart, a failover or SCRIPT FLUSH. Nothing of the batch was run. EVAL also loads the script.
      this.#run(batch, 'eval', new Bulk(batch.bound.script.text))
      return
    }
    if ((neverSent(error) || movedAway(error)) && !batch.settled) {
      batch.sent = false
      batch.refusal = movedAway(error) ? error : undefined
      this.#wait(batch)
      return
    }
    if (code === 'READONLY') this.#options.onReadonly()
    this.#options.refusals.refused(batch.bound.script.name, error)
    const failure = batch.failureOf(error)
    if (isReply(error)) batch.answered()
    else batch.unanswered(failure)
    this.#settle(batch)
    batch.reject(failure)
    this.#ended()
  }

  #expire(batch: Batch): void {
    const { name, deadlineMs } = batch.bound
    if (batch.sent) {
      // Its calls end now. It counts as pending until the client library reports its end.
      const late = new PenknifeError(
        'PENKNIFE_TIMEOUT',
        `${name}: Redis did not answer within ${deadlineMs} ms; the call may still be carried out`,
        { fate: 'unknown' },
      )
      batch.unanswered(late)
      batch.reject(late)
      return
    }
    this.#waiting.delete(batch)
    const failure = this.#awayFailure(batch)
    if (batch.refusal) batch.answered()
    else batch.unanswered(failure)
    this.#drop(batch, failure)
  }

  /** The error of a batch that could not be sent, or was refused, until its deadline. */
  #awayFailure({ bound: { name, deadlineMs, waitLimit }, refusal }: Batch): PenknifeError {
    const within = waitLimit.over ? 'before it was closed' : `within ${deadlineMs} ms`
    if (refusal) {
      const why = `its slot was being moved and not served ${within}: ${refusal.message}`
      return new PenknifeError('PENKNIFE_UNAVAILABLE', `${name}: ${why}`, { cause: refusal })
    }
    const { status, lastError: cause } = this.#sink
    const why = cause ? `${status}: ${cause.message}` : status
    const away = `${name}: Redis could not be reached ${within} (${why})`
    return new PenknifeError('PENKNIFE_UNAVAILABLE', away, { cause })
  }

  /** Makes room for further calls, before the callers get the outcome. */
  #settle(batch: Batch): void {
    this.#calls -= batch.calls
    this.#bytes -= batch.bytes
  }

  #ended(): void {
    if (this.#calls === 0) this.#idle?.()
  }
}

function isKeys(value: SharedArg): value is readonly string[] {
  return Array.isArray(value)
}

function sizeOf(item: readonly Arg[]): number {
  let bytes = 0
  for (const value of item) {
    if (typeof value === 'number') bytes += 8
    else bytes += typeof value !== 'string' || value.length < 256 ? value.length : Buffer.byteLength(value)
  }
  return bytes
}
