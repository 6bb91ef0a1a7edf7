import { reportFault } from '../callbacks.ts'
import type { Topic } from '../events.ts'
import type { PenknifeError } from '../errors.ts'
import { cut, errorText, printable } from '../text.ts'
import type { BatchEvent } from './batch-event.ts'
import type { Breaker } from './breaker.ts'
import type { Bulk, CommandArg } from './command-args.ts'
import type { Deadlines, Timed } from './deadlines.ts'
import type { Receiver } from './driver.ts'
import { badReply, failureOf, isReply, replyCode } from './failures.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import type { WaitLimit } from './wait-limit.ts'

/** Characters of a key that an error quotes. */
const LONGEST_KEY = 100
/** Keys that an error names, of a call that has many. */
const MOST_KEYS = 10
/** A refused call is not sent again when its deadline is nearer than this. */
const LAST_TRY_MS = 25

/** Any script. */
type AnyScript = Script<readonly SharedArg[], readonly Arg[], unknown>

/** Receives the outcome of a batch. */
export interface BatchOwner {
  received(batch: Batch, reply: unknown): void
  failed(batch: Batch, error: unknown): void
}

/**
 * A condition for sending a port's calls. Returns undefined when they may be sent, otherwise a promise. If the promise rejects,
 * the calls fail with its error, not done.
 */
export type Gate = () => Promise<void> | undefined

/** What all batches of a port share. */
export interface Bound {
  readonly script: AnyScript
  /** Its name in errors. */
  readonly name: string
  /** Keys that all items share, then values. */
  readonly shared: readonly (Bulk | readonly string[])[]
  readonly readOnly: boolean
  /** The types that the script may reply with, see `kindOf`. */
  readonly kinds: number
  readonly sha: Bulk
  readonly deadlineMs: number
  readonly deadlines: Deadlines<Batch>
  readonly breaker: Breaker | undefined
  readonly waitLimit: WaitLimit
  readonly gate: Gate | undefined
  readonly topic: Topic<BatchEvent>
  readonly owner: BatchOwner
}

/** Calls that are sent as one EVALSHA, and the receivers of their replies. */
export class Batch implements Timed<Batch>, Receiver<unknown> {
  readonly bound: Bound
  /** The hash slot of its calls on a cluster. Without a cluster it is that of the first call, and not used. */
  readonly slot: number
  calls = 1
  bytes: number
  /** Whether calls can still be added. */
  gathers = true
  sent = false
  /** When it was first sent, by the clock of this process; 0 before, and while nobody listens. */
  sentAt = 0
  /** The last refusal of a cluster whose slot is moving. */
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

  /** Whether it was refused and is not sent again, because its deadline is near. It then fails as not done. */
  get endsRefused(): boolean {
    return this.refusal !== undefined && this.dueAt - performance.now() < LAST_TRY_MS
  }

  startDeadline(): void {
    this.bound.deadlines.start(this)
  }

  /** The arguments of EVALSHA or EVAL: script, number of keys, keys, shared values, arguments. */
  command(script: Bulk): CommandArg[] {
    const { script: called, shared } = this.bound
    const { sharedKeys } = called
    const own = sharedKeys ? (shared[0] as readonly string[]) : []
    // A script with @item keys takes any number of keys for each item.
    const each = (this.#items[0] as readonly Arg[]).length - called.args.length
    const args: CommandArg[] = [script, own.length + each * this.#items.length, ...own]
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

  /** Whether all items have the same arguments. They are then sent once: an argument costs both sides as much as a key. */
  #sameArgs(from: number): boolean {
    const [first] = this.#items as [readonly Arg[]]
    for (const item of this.#items) {
      for (let at = from; at < first.length; at++) if (item[at] !== first[at]) return false
    }
    return true
  }

  /** Gives each receiver its reply. Never throws, because it runs inside the client's parser. */
  resolve(answer: unknown, onReadonly: () => void): void {
    const items = this.#items
    const receivers = this.#end()
    const { length } = receivers
    let failed = 0
    let notDone = 0
    const replies: unknown = length === 1 ? [answer] : answer
    if (Array.isArray(replies) && replies.length === length) {
      for (let at = 0; at < length; at++) {
        const reply: unknown = replies[at]
        const error = this.#deliver(receivers[at] as Receiver<unknown>, reply, items[at] as readonly Arg[])
        if (!error) continue
        failed += 1
        if (error.fate === 'not-done') notDone += 1
        if (replyCode(reply) === 'READONLY') onReadonly()
      }
    } else if (length > 0) {
      const bad = badReply(this.bound.name, `${show(answer)} is not a list of ${length} replies`)
      failed = length
      for (const receiver of receivers) fail(receiver, bad)
    }
    if (length > 0) this.#report(length - failed, notDone)
  }

  #report(done: number, notDone: number): void {
    const { topic, script } = this.bound
    if (!topic.observed) return
    const durationMs = this.sentAt === 0 ? undefined : performance.now() - this.sentAt
    topic.emit({ script: script.name, calls: this.calls, done, notDone, durationMs })
  }

  /** Gives a receiver its reply. Returns its error when the reply has no type that the script may reply with. */
  #deliver(receiver: Receiver<unknown>, reply: unknown, item: readonly Arg[]): PenknifeError | undefined {
    const { kinds, readOnly, script } = this.bound
    if ((kinds & kindOf(reply)) !== 0) {
      try {
        receiver.received(reply)
      } catch (error) {
        fail(receiver, badReply(this.#about(item), errorText(error), error))
      }
      return undefined
    }
    const about = this.#about(item)
    const expected = script.returns.replaceAll('|', ' or ')
    const error = isReply(reply)
      ? failureOf(about, reply, readOnly)
      : badReply(about, `${show(reply)} where ${expected} was expected`)
    fail(receiver, error)
    return error
  }

  /** The error of all its calls. */
  failureOf(error: unknown): PenknifeError {
    const [only] = this.#items
    const { name, readOnly } = this.bound
    const known = isReply(error) && only !== undefined && this.calls === 1
    return failureOf(known ? this.#about(only) : name, error, readOnly)
  }

  /** Names an item in errors. Redis does not say which key it is about. */
  #about(item: readonly Arg[]): string {
    const { name, script } = this.bound
    const keys = this.#keysOf(item)
      .slice(0, script.manyKeys ? MOST_KEYS : 1)
      .map((key) => printable(String(key), LONGEST_KEY))
    return `${name}, key${keys[1] ? 's' : ''} '${keys.join("', '")}'`
  }

  /** The item's own keys, then those that all items share. */
  #keysOf(item: readonly Arg[]): readonly Arg[] {
    const { script, shared } = this.bound
    const own = item.slice(0, item.length - script.args.length)
    return script.sharedKeys ? own.concat(shared[0] as readonly string[]) : own
  }

  /** The server replied. A reply after the deadline does not count for the breaker. */
  answered(): void {
    if (!this.settled) this.bound.breaker?.succeeded(this.slot)
  }

  unanswered(error: PenknifeError): void {
    if (!this.settled)
      this.bound.breaker?.failed(this.slot, String(this.#keysOf(this.#items[0] ?? [])[0]), error)
  }

  reject(error: PenknifeError): void {
    const receivers = this.#end()
    for (const receiver of receivers) fail(receiver, error)
    if (receivers.length > 0) this.#report(0, error.fate === 'not-done' ? receivers.length : 0)
  }

  /** Ends the batch and returns its receivers, once. The port keeps the batch until the next call, so its items are released. */
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

/** Fails a receiver's call. A receiver that throws must not affect the others. */
function fail(receiver: Receiver<unknown>, error: PenknifeError): void {
  try {
    receiver.failed(error)
  } catch (fault) {
    reportFault('a callback for a failed call threw', fault)
  }
}

/** A bit for the type of a reply; 0 for a type that no script replies with. */
function kindOf(reply: unknown): number {
  if (typeof reply === 'number') return 1
  if (typeof reply === 'string') return 2
  if (reply === null) return 4
  return Array.isArray(reply) ? 8 : 0
}

export function kindsOf(returns: string): number {
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
