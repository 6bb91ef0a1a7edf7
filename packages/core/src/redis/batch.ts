import { reportFault } from '../callbacks.ts'
import type { PenknifeError } from '../errors.ts'
import { cut, errorText, printable } from '../text.ts'
import type { Breaker } from './breaker.ts'
import type { Deadlines, Timed } from './deadlines.ts'
import type { Receiver } from './driver.ts'
import { badReply, failureOf, isReply, replyCode } from './failures.ts'
import type { Patience } from './patience.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import type { Bulk, Sent } from './sent.ts'

/** Characters of a key that an error quotes. */
const LONGEST_KEY = 100
/** Before its deadline a call that was refused is not sent again. */
const LAST_TRY_MS = 25

/** Any script. */
type AnyScript = Script<readonly SharedArg[], readonly Arg[], unknown>

/** Who is told what became of a batch. */
export interface BatchOwner {
  received(batch: Batch, reply: unknown): void
  failed(batch: Batch, error: unknown): void
}

/**
 * What must be known before a port's calls may be sent: undefined when it is, else a promise that resolves when it is, or
 * rejects with the error that the calls fail with, undone.
 */
export type Gate = () => Promise<void> | undefined

/** What the batches of a port have in common. */
export interface Bound {
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
  readonly gate: Gate | undefined
  readonly owner: BatchOwner
}

/** The calls that travel together, and who is told of them. */
export class Batch implements Timed<Batch>, Receiver<unknown> {
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

  /** With what the script replied. Never throws: it runs in the middle of the client's parser. */
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
    // Its own, if it has one.
    const key = script.keys.length > 0 ? item[0] : (shared[0] as readonly string[])[0]
    return `${name}, key '${printable(String(key), LONGEST_KEY)}'`
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
