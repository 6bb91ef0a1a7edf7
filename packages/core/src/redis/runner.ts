import { PenknifeError } from '../errors.ts'
import { Batch, type BatchOwner, type Bound, type Gate, kindsOf } from './batch.ts'
import type { Breaker } from './breaker.ts'
import { Deadlines } from './deadlines.ts'
import type { Receiver } from './driver.ts'
import { isReply, movedAway, neverSent, replyCode } from './failures.ts'
import type { Route } from './keys.ts'
import { Patience } from './patience.ts'
import type { Refusals } from './refusals.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import { Bulk } from './sent.ts'
import type { CommandSink } from './sink-types.ts'

export interface RunnerOptions {
  /** On a cluster a call holds the items of one slot, else those of every slot. */
  readonly cluster: boolean
  /** Calls that may be unsettled at once, sent or waiting. */
  readonly maxPending: number
  /** Bytes of the arguments of those calls. */
  readonly maxPendingBytes: number
  readonly refusals: Refusals
  /** Told when a master turned out to be a replica: the connection should look for the master again. */
  readonly onReadonly: () => void
}

/** Sends one item of a script; resolves with its reply. */
export interface Port<Item extends readonly Arg[], Result> {
  (route: Route, ...item: Item): Promise<Result>
  /** Tells a receiver instead, in the turn in which the reply came or, if it cannot be sent, at once. */
  to(receiver: Receiver<Result>, route: Route, ...item: Item): void
}

/** From so many batches on, one write of several parts costs less than a write for each. */
const TOGETHER = 3
/** Bytes of arguments after which a batch is full; a larger item travels alone. */
const BATCH_BYTES = 256 * 1024

/**
 * Runs scripts in batches: the calls that one turn of the event loop makes to one script, with the same shared
 * values and (on a cluster) for the same slot, travel as one EVALSHA, in the order in which they were made.
 *
 * Each call ends within its deadline. What Redis refused or was never sent is known not to be done. The fate of a script
 * that raised an error, and of a batch whose connection broke, is unknown, and it is never sent again.
 */
export class Runner {
  readonly #sink: CommandSink
  readonly #options: RunnerOptions
  #gathering: Batch[] = []
  #waiting = new Set<Batch>()
  readonly #deadlines = new Map<number, Deadlines<Batch>>()
  /** Of the calls of ports that have none of their own. */
  readonly patience: Patience = this.createPatience()
  #calls = 0
  #bytes = 0
  #closed = false
  #idle: (() => void) | undefined

  constructor(sink: CommandSink, options: RunnerOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** Calls not settled by Redis yet, sent or waiting. */
  get pending(): number {
    return this.#calls
  }

  createPatience(): Patience {
    const patience: Patience = new Patience(() => {
      for (const batch of this.#waiting) if (batch.bound.patience === patience) this.#expire(batch)
    })
    return patience
  }

  /**
   * Ties a script to the values shared by its calls and to a deadline in milliseconds; errors call it by its name,
   * and `of` what it is about. With a breaker its calls fail at once while the server is known not to answer; with a
   * gate they are sent once it is open.
   */
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    deadlineMs: number,
    of: string = '',
    breaker?: Breaker,
    patience: Patience = this.patience,
    gate?: Gate,
  ): Port<Item, Result> {
    const name = of === '' ? script.name : `${script.name} of ${of}`
    const deadlines = this.#deadlinesOf(deadlineMs)
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
      patience,
      gate,
      owner: this.#owner,
    }
    /** The last batch of each slot; outside a cluster there is one for all. */
    const last = new Map<number, Batch>()
    const to: Port<Item, Result>['to'] = (receiver, route, ...item) => {
      const bytes = sizeOf(item)
      const refusal = this.#refusal(name, bytes) ?? breaker?.refusal(name, route.slot)
      if (refusal) {
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

  /** Sends what waited for a connection; to be called when there is one. */
  resume(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#sendAll(waiting)
  }

  /** Refuses new calls and resolves when the pending ones ended, by reply or by deadline. */
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
   * At the end of this turn, so that all its calls travel together; when none is under way a call has nothing to wait
   * for but those made beside it.
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
      if (opening) this.#hold(batch, opening)
      else this.#run(batch, 'evalsha', batch.bound.sha)
    }
  }

  /** Waits for a gate, at most until the deadline. */
  #hold(batch: Batch, opening: Promise<void>): void {
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
    if (batch.bound.patience.over) this.#expire(batch)
  }
  #run(batch: Batch, command: 'evalsha' | 'eval', script: Bulk): void {
    batch.sent = true
    try {
      this.#sink.send(command, batch.command(script), batch.slot, batch)
    } catch (error) {
      this.#fail(batch, error)
    }
  }

  #fail(batch: Batch, error: unknown): void {
    const code = replyCode(error)
    if (code === 'NOSCRIPT' && !batch.settled) {
      // A restart, a failover or SCRIPT FLUSH: nothing of the batch was run, and EVAL also loads the script.
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
      // Its calls end now, but it counts as pending until the client lets go of it.
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

  /** What a batch fails with that was not sent, or was refused, until its deadline. */
  #awayFailure({ bound: { name, deadlineMs, patience }, refusal }: Batch): PenknifeError {
    const within = patience.over ? 'before it was closed' : `within ${deadlineMs} ms`
    if (refusal) {
      const why = `its slot was being moved and not served ${within}: ${refusal.message}`
      return new PenknifeError('PENKNIFE_UNAVAILABLE', `${name}: ${why}`, { cause: refusal })
    }
    const { status, lastError: cause } = this.#sink
    const why = cause ? `${status}: ${cause.message}` : status
    const away = `${name}: Redis could not be reached ${within} (${why})`
    return new PenknifeError('PENKNIFE_UNAVAILABLE', away, { cause })
  }

  /** Makes room, before the callers are told. */
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
