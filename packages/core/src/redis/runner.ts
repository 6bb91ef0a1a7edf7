import { PenknifeError } from '../errors.ts'
import type { Breaker } from './breaker.ts'
import { Deadlines, type Timed } from './deadlines.ts'
import { failureOf, movedAway, neverSent, replyCode } from './failures.ts'
import type { Route } from './keys.ts'
import type { Arg, Reply, Script, SharedArg } from './script.ts'
import type { CommandSink } from './sink.ts'

export interface RunnerOptions {
  /** On a cluster a call holds the items of one slot, else those of every slot. */
  readonly cluster: boolean
  /** Calls that may be unsettled at once, sent or waiting. */
  readonly maxPending: number
  /** Bytes of the arguments of those calls. */
  readonly maxPendingBytes: number
  /** Told when a master turned out to be a replica: the connection should look for the master again. */
  readonly onReadonly: () => void
}

/** Sends one item of a script; resolves with its reply. */
export type Port<Item extends readonly Arg[], Result> = (route: Route, ...item: Item) => Promise<Result>

/** Bytes of arguments after which a batch is full; a larger item travels alone. */
const BATCH_BYTES = 256 * 1024

/**
 * Runs scripts in batches: the calls that one turn of the event loop makes to one script, with the same shared
 * values and (on a cluster) for the same slot, travel as one EVALSHA, in the order in which they were made.
 *
 * Each call ends within its deadline. A batch that Redis answered with an error or that was never sent is known
 * not to be done; one whose connection broke is never sent again.
 */
export class Runner {
  readonly #sink: CommandSink
  readonly #options: RunnerOptions
  #dirty: Gathered[] = []
  #waiting = new Set<Batch>()
  readonly #deadlines = new Map<number, Deadlines<Batch>>()
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

  /**
   * Ties a script to the values shared by its calls and to a deadline in milliseconds; errors call it by its name,
   * and `of` what it is about. With a breaker its calls fail at once while the server is known not to answer.
   */
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    deadlineMs: number,
    of: string = '',
    breaker?: Breaker,
  ): Port<Item, Result> {
    const name = of === '' ? script.name : `${script.name} of ${of}`
    const open = new Map<number, Batch>()
    const deadlines = this.#deadlinesOf(deadlineMs)
    return (route, ...item) => {
      const bytes = sizeOf(item)
      const refusal = this.#refusal(name, bytes) ?? breaker?.refusal(name, route.slot)
      if (refusal) return Promise.reject(refusal)
      const group = this.#options.cluster ? route.slot : 0
      let batch = open.get(group)
      if (!batch || batch.items.length >= script.batch || batch.bytes + bytes > BATCH_BYTES) {
        batch = new Batch(script, name, shared, deadlines, deadlineMs, route.slot, breaker)
        open.set(group, batch)
        if (this.#dirty.push({ batch, open, group }) === 1) this.#flushSoon()
      }
      this.#calls += 1
      this.#bytes += bytes
      return batch.add(item, bytes) as Promise<Result>
    }
  }

  /** Sends what waited for a connection; to be called when there is one. */
  resume(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const batch of waiting) this.#send(batch)
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

  readonly #flush = (): void => {
    const gathered = this.#dirty
    this.#dirty = []
    for (const { batch, open, group } of gathered) {
      // Nothing joins it any more, and a port that is not used again must not keep it.
      if (open.get(group) === batch) open.delete(group)
      batch.startDeadline()
      this.#send(batch)
    }
  }

  #send(batch: Batch): void {
    if (!this.#sink.ready(batch.slot)) {
      this.#waiting.add(batch)
      return
    }
    this.#run(batch, 'evalsha', batch.script.sha)
  }

  #run(batch: Batch, command: 'evalsha' | 'eval', script: string): void {
    batch.sent = true
    this.#sink.call(command, batch.command(script), batch.slot).then(
      (reply) => {
        batch.answered()
        this.#settle(batch, () => batch.resolve(reply, this.#options.onReadonly))
      },
      (error: unknown) => this.#fail(batch, error),
    )
  }

  #fail(batch: Batch, error: unknown): void {
    const code = replyCode(error)
    if (code === 'NOSCRIPT' && !batch.settled) {
      // A restart, a failover or SCRIPT FLUSH: nothing of the batch was run, and EVAL also loads the script.
      this.#run(batch, 'eval', batch.script.text)
      return
    }
    if ((neverSent(error) || movedAway(error)) && !batch.settled) {
      batch.sent = false
      this.#waiting.add(batch)
      return
    }
    if (code === 'READONLY') this.#options.onReadonly()
    const failure = failureOf(batch.name, error)
    if (code) batch.answered()
    else batch.unanswered(failure)
    this.#settle(batch, () => batch.reject(failure))
  }

  #expire(batch: Batch): void {
    const { name } = batch
    if (batch.sent) {
      // Its calls end now, but it counts as pending until ioredis lets go of it.
      const late = new PenknifeError(
        'PENKNIFE_TIMEOUT',
        `${name}: Redis did not answer within ${batch.deadlineMs} ms; the call may still be carried out`,
        { fate: 'unknown' },
      )
      batch.unanswered(late)
      batch.reject(late)
      return
    }
    this.#waiting.delete(batch)
    const { status, lastError: cause } = this.#sink
    const why = cause ? `${status}: ${cause.message}` : status
    const away = `${name}: Redis could not be reached within ${batch.deadlineMs} ms (${why})`
    const failure = new PenknifeError('PENKNIFE_UNAVAILABLE', away, { cause })
    batch.unanswered(failure)
    this.#settle(batch, () => batch.reject(failure))
  }

  #settle(batch: Batch, finish: () => void): void {
    this.#calls -= batch.items.length
    this.#bytes -= batch.bytes
    finish()
    if (this.#calls === 0) this.#idle?.()
  }
}

type AnyScript = Script<readonly SharedArg[], readonly Arg[], unknown>

interface Waiter {
  resolve(reply: unknown): void
  reject(error: PenknifeError): void
}

/** A batch that calls of this turn may join, and where its port keeps it. */
interface Gathered {
  readonly batch: Batch
  readonly open: Map<number, Batch>
  readonly group: number
}

/** The calls that travel together, and their callers. */
class Batch implements Timed<Batch> {
  readonly script: AnyScript
  /** What errors call it. */
  readonly name: string
  readonly deadlineMs: number
  /** Where its calls go on a cluster; elsewhere that of the first call, and nobody asks. */
  readonly slot: number
  readonly items: (readonly Arg[])[] = []
  bytes = 0
  sent = false
  settled = false
  dueAt = 0
  before: Batch | undefined
  after: Batch | undefined
  readonly #breaker: Breaker | undefined
  readonly #shared: readonly SharedArg[]
  readonly #deadlines: Deadlines<Batch>
  readonly #waiters: Waiter[] = []

  constructor(
    script: AnyScript,
    name: string,
    shared: readonly SharedArg[],
    deadlines: Deadlines<Batch>,
    deadlineMs: number,
    slot: number,
    breaker: Breaker | undefined,
  ) {
    this.script = script
    this.name = name
    this.#shared = shared
    this.#deadlines = deadlines
    this.deadlineMs = deadlineMs
    this.slot = slot
    this.#breaker = breaker
  }

  add(item: readonly Arg[], bytes: number): Promise<unknown> {
    this.items.push(item)
    this.bytes += bytes
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  startDeadline(): void {
    this.#deadlines.start(this)
  }

  /** The arguments of EVALSHA or EVAL: script, number of keys, keys, shared values, arguments. */
  command(script: string): Arg[] {
    const { sharedKeys } = this.script
    const own = sharedKeys ? (this.#shared[0] as readonly string[]) : []
    // Of a script with @item keys an item may have any number of them.
    const each = (this.items[0] as readonly Arg[]).length - this.script.args.length
    const args: Arg[] = [script, own.length + each * this.items.length, ...own]
    for (const item of this.items) for (let at = 0; at < each; at++) args.push(item[at] as Arg)
    for (let at = sharedKeys ? 1 : 0; at < this.#shared.length; at++) args.push(this.#shared[at] as Arg)
    const once = each > 0 && !sharedKeys && !this.script.manyKeys && this.#sameArgs(each)
    const itemsWithArgs = once ? 1 : this.items.length
    for (let nth = 0; nth < itemsWithArgs; nth++) {
      const item = this.items[nth] as readonly Arg[]
      for (let at = each; at < item.length; at++) args.push(item[at] as Arg)
    }
    return args
  }

  /** Whether the items have the same arguments, which then travel once: each costs both sides as much as a key. */
  #sameArgs(from: number): boolean {
    const [first] = this.items as [readonly Arg[]]
    for (const item of this.items) {
      for (let at = from; at < first.length; at++) if (item[at] !== first[at]) return false
    }
    return true
  }

  /** With what the script replied. */
  resolve(answer: unknown, onReadonly: () => void): void {
    if (!this.#end()) return
    const replies = this.items.length === 1 ? [answer] : (answer as readonly unknown[])
    for (let at = 0; at < this.#waiters.length; at++) {
      const waiter = this.#waiters[at] as Waiter
      const reply = replies[at] as Reply | Error
      if (reply instanceof Error) {
        if (replyCode(reply) === 'READONLY') onReadonly()
        waiter.reject(failureOf(this.name, reply))
      } else waiter.resolve(reply)
    }
    // After a burst V8 makes such lists among its old objects, where a dead one keeps what it lists from being collected.
    this.#waiters.length = 0
    this.items.length = 0
  }

  /** The server said something; after the deadline it says nothing of how fast it is. */
  answered(): void {
    if (!this.settled) this.#breaker?.succeeded(this.slot)
  }

  unanswered(error: PenknifeError): void {
    if (!this.settled) this.#breaker?.failed(this.slot, String(this.items[0]?.[0]), error)
  }

  reject(error: PenknifeError): void {
    if (this.#end()) for (const waiter of this.#waiters) waiter.reject(error)
  }

  #end(): boolean {
    if (this.settled) return false
    this.settled = true
    this.#deadlines.end(this)
    return true
  }
}

function sizeOf(item: readonly Arg[]): number {
  let bytes = 0
  for (const value of item) {
    if (typeof value === 'number') bytes += 8
    else bytes += value.length < 256 ? value.length : Buffer.byteLength(value)
  }
  return bytes
}
