import { reportFault } from '../callbacks.ts'
import { PenknifeError } from '../errors.ts'
import { cut, errorText } from '../text.ts'
import type { Breaker } from './breaker.ts'
import { Deadlines, type Timed } from './deadlines.ts'
import { Bulk, type Receiver, type Sent } from './direct.ts'
import { badReply, failureOf, isReply, movedAway, neverSent, replyCode } from './failures.ts'
import type { Route } from './keys.ts'
import type { Refusals } from './refusals.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import type { CommandSink } from './sink.ts'

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

/** How long calls wait for a connection: until their deadline, unless it ends before. */
export class Patience {
  over = false
  readonly #ended: () => void

  constructor(ended: () => void) {
    this.#ended = ended
  }

  /** After so many milliseconds calls that are not sent fail at once, those that wait and those to come: not done. */
  end(ms: number): void {
    setTimeout(() => {
      this.over = true
      this.#ended()
    }, ms).unref()
  }
}

/** Sends one item of a script; resolves with its reply. */
export interface Port<Item extends readonly Arg[], Result> {
  (route: Route, ...item: Item): Promise<Result>
  /** Tells a receiver instead, in the turn in which the reply came or, if it cannot be sent, at once. */
  to(receiver: Receiver<Result>, route: Route, ...item: Item): void
}

/** Characters of a key that an error quotes. */
const LONGEST_KEY = 100
/** Before its deadline a call that was refused is not sent again. */
const LAST_TRY_MS = 25
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
   * and `of` what it is about. With a breaker its calls fail at once while the server is known not to answer.
   */
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    deadlineMs: number,
    of: string = '',
    breaker?: Breaker,
    patience: Patience = this.patience,
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
      this.#send(batch)
    }
  }

  #send(batch: Batch): void {
    if (!this.#sink.ready(batch.slot) || batch.endsRefused) this.#wait(batch)
    else this.#run(batch, 'evalsha', batch.bound.sha)
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
      // Its calls end now, but it counts as pending until ioredis lets go of it.
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
    this.#settle(batch)
    batch.reject(failure)
    this.#ended()
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

type AnyScript = Script<readonly SharedArg[], readonly Arg[], unknown>

/** Who is told what became of a batch. */
interface BatchOwner {
  received(batch: Batch, reply: unknown): void
  failed(batch: Batch, error: unknown): void
}

/** What the batches of a port have in common. */
interface Bound {
  readonly script: AnyScript
  /** What errors call it. */
  readonly name: string
  /** Keys that all items share, then values. */
  readonly shared: readonly (Bulk | readonly string[])[]
  readonly readOnly: boolean
  /** What the script may reply, see `kindOf`. */
  readonly kinds: number
  readonly sha: Bulk
  readonly deadlineMs: number
  readonly deadlines: Deadlines<Batch>
  readonly breaker: Breaker | undefined
  readonly patience: Patience
  readonly owner: BatchOwner
}

/** The calls that travel together, and who is told of them. */
class Batch implements Timed<Batch>, Receiver<unknown> {
  readonly bound: Bound
  /** Where its calls go on a cluster; elsewhere that of the first call, and nobody asks. */
  readonly slot: number
  calls = 1
  bytes: number
  /** Whether calls may join it. */
  gathers = true
  sent = false
  /** With what a cluster refused it last, because its slot is moving. */
  refusal: Error | undefined
  settled = false
  dueAt = 0
  before: Batch | undefined
  after: Batch | undefined
  #items: (readonly Arg[])[]
  #receivers: Receiver<unknown>[]

  constructor(bound: Bound, slot: number, item: readonly Arg[], bytes: number, receiver: Receiver<never>) {
    this.bound = bound
    this.slot = slot
    this.#items = [item]
    this.bytes = bytes
    this.#receivers = [receiver]
  }

  add(item: readonly Arg[], bytes: number, receiver: Receiver<never>): void {
    this.#items.push(item)
    this.calls += 1
    this.bytes += bytes
    this.#receivers.push(receiver)
  }

  received(reply: unknown): void {
    this.bound.owner.received(this, reply)
  }

  failed(error: unknown): void {
    this.bound.owner.failed(this, error)
  }

  /** Whether it is not sent again: so near its end, what is known of it is that nothing was done. */
  get endsRefused(): boolean {
    return this.refusal !== undefined && this.dueAt - performance.now() < LAST_TRY_MS
  }

  startDeadline(): void {
    this.bound.deadlines.start(this)
  }

  /** The arguments of EVALSHA or EVAL: script, number of keys, keys, shared values, arguments. */
  command(script: Bulk): Sent[] {
    const { script: called, shared } = this.bound
    const { sharedKeys } = called
    const own = sharedKeys ? (shared[0] as readonly string[]) : []
    // Of a script with @item keys an item may have any number of them.
    const each = (this.#items[0] as readonly Arg[]).length - called.args.length
    const args: Sent[] = [script, own.length + each * this.#items.length, ...own]
    for (const item of this.#items) for (let at = 0; at < each; at++) args.push(item[at] as Arg)
    for (let at = sharedKeys ? 1 : 0; at < shared.length; at++) args.push(shared[at] as Bulk)
    const once = each > 0 && !sharedKeys && !called.manyKeys && this.#sameArgs(each)
    const usual = once && called.usual === (this.#items[0] as readonly Arg[])[each]
    const itemsWithArgs = usual ? 0 : once ? 1 : this.#items.length
    for (let nth = 0; nth < itemsWithArgs; nth++) {
      const item = this.#items[nth] as readonly Arg[]
      for (let at = each; at < item.length; at++) args.push(item[at] as Arg)
    }
    return args
  }

  /** Whether the items have the same arguments, which then travel once: each costs both sides as much as a key. */
  #sameArgs(from: number): boolean {
    const [first] = this.#items as [readonly Arg[]]
    for (const item of this.#items) {
      for (let at = from; at < first.length; at++) if (item[at] !== first[at]) return false
    }
    return true
  }

  /** With what the script replied. Never throws: it runs in the middle of ioredis' parser. */
  resolve(answer: unknown, onReadonly: () => void): void {
    const items = this.#items
    const receivers = this.#end()
    const { length } = receivers
    const replies: unknown = length === 1 ? [answer] : answer
    if (Array.isArray(replies) && replies.length === length) {
      for (let at = 0; at < length; at++) {
        const reply: unknown = replies[at]
        if (!this.#tell(receivers[at] as Receiver<unknown>, reply, items[at] as readonly Arg[])) {
          if (replyCode(reply) === 'READONLY') onReadonly()
        }
      }
    } else if (length > 0) {
      const bad = badReply(this.bound.name, `${show(answer)} is no list of ${length} replies`)
      for (const receiver of receivers) fail(receiver, bad)
    }
  }

  /** Whether the receiver got a reply of a type that the script has. */
  #tell(receiver: Receiver<unknown>, reply: unknown, item: readonly Arg[]): boolean {
    const { kinds, readOnly, script } = this.bound
    if ((kinds & kindOf(reply)) !== 0) {
      try {
        receiver.received(reply)
      } catch (error) {
        fail(receiver, badReply(this.#about(item), errorText(error), error))
      }
      return true
    }
    const about = this.#about(item)
    const expected = script.returns.replaceAll('|', ' or ')
    if (isReply(reply)) fail(receiver, failureOf(about, reply, readOnly))
    else fail(receiver, badReply(about, `${show(reply)} where ${expected} was expected`))
    return false
  }

  /** The error of all its calls. */
  failureOf(error: unknown): PenknifeError {
    const [only] = this.#items
    const { name, readOnly } = this.bound
    const known = isReply(error) && only !== undefined && this.calls === 1
    return failureOf(known ? this.#about(only) : name, error, readOnly)
  }

  /** What an item's error is about. */
  #about(item: readonly Arg[]): string {
    const { name, script, shared } = this.bound
    const key = script.sharedKeys ? (shared[0] as readonly string[])[0] : item[0]
    return `${name}, key '${cut(String(key), LONGEST_KEY)}'`
  }

  /** The server said something; after the deadline it says nothing of how fast it is. */
  answered(): void {
    if (!this.settled) this.bound.breaker?.succeeded(this.slot)
  }

  unanswered(error: PenknifeError): void {
    if (!this.settled) this.bound.breaker?.failed(this.slot, String(this.#items[0]?.[0]), error)
  }

  reject(error: PenknifeError): void {
    for (const receiver of this.#end()) fail(receiver, error)
  }

  /** Who is to be told; nobody twice. Its port keeps it until the next call, but nothing of what it was sent for. */
  #end(): readonly Receiver<unknown>[] {
    if (this.settled) return []
    this.settled = true
    this.bound.deadlines.end(this)
    const receivers = this.#receivers
    this.#receivers = []
    this.#items = []
    return receivers
  }
}

/** Tells a receiver; one that throws must not keep the others from being told. */
function fail(receiver: Receiver<unknown>, error: PenknifeError): void {
  try {
    receiver.failed(error)
  } catch (fault) {
    reportFault('what handles a failed call failed', fault)
  }
}

/** A bit for each kind of reply; none for what no script replies with. */
function kindOf(reply: unknown): number {
  if (typeof reply === 'number') return 1
  if (typeof reply === 'string') return 2
  if (reply === null) return 4
  return Array.isArray(reply) ? 8 : 0
}

function kindsOf(returns: string): number {
  let kinds = 0
  for (const type of returns.split('|')) kinds |= KINDS[type] ?? 0
  return kinds
}

const KINDS: Readonly<Record<string, number>> = { integer: 1, string: 2, null: 4, list: 8, integers: 8 }

function show(reply: unknown): string {
  if (Array.isArray(reply)) return `a list of ${reply.length}`
  if (typeof reply === 'string') return JSON.stringify(cut(reply, 60))
  return isReply(reply) ? `the error ${reply.message}` : String(reply)
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
