import { createHash } from 'node:crypto'

import { PenknifeError } from '../errors.ts'
import { errorText } from '../text.ts'
import { BLOCK_MS, handOver, type Link, NotSent } from './driver.ts'
import { movedAway, neverSent, replyCode, saidBy } from './failures.ts'
import { type Port, Runner, type RunnerOptions } from './runner.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import { argsOf, type Sent } from './sent.ts'
import type { Owner, Servers } from './servers.ts'
import type { CommandSink } from './sink-types.ts'

/** Where a write must have arrived before its call resolves. */
export interface Safety {
  /** On the disk of the server that ran it, and of that many replicas: WAITAOF instead of WAIT. */
  readonly fsynced: boolean
  /** Replicas that must have it. */
  readonly replicas: number
}

export interface DurableOptions extends Omit<RunnerOptions, 'onReadonly'> {
  readonly deadlineMs: number
  /** Is told whether the server waits, when it was asked. */
  readonly tried: (command: 'WAIT' | 'WAITAOF', error?: unknown) => void
}

/** Calls that resolve when what they wrote is safe. */
export interface Durable {
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    safety: Safety,
    of?: string,
  ): Port<Item, Result>
  readonly pending: number
  /** As that of a Runner's patience. */
  hurry(ms: number): void
  /** Refuses new calls and resolves when the pending ones ended. */
  idle(): Promise<void>
  close(): void
}

/** Before the owner of a slot is looked up again. */
const LOOK_UP_MS = 100

/**
 * Runs scripts on connections of their own, each turn's calls followed by one WAIT or WAITAOF.
 *
 * WAIT holds up everything behind it on its connection and covers only what its own connection wrote, so
 * the calls travel on the connection that waits, and nothing else does. (From Redis 7.2 on a call that wrote nothing is not
 * covered at all: a script that answers "it is there already" writes something all the same.) While one WAIT
 * is under way, calls gather; they go together once it ended, with one WAIT for all.
 *
 * A call ends within four deadlines: one to reach Redis, one behind the WAIT under way, one behind that of a try
 * which found that Redis does not know the script, one of its own.
 */
export function createDurable(servers: Servers, { deadlineMs, tried, ...limits }: DurableOptions): Durable {
  // The socket of a connection that waits may be silent for as long as a blocking reader's.
  const waitMs = Math.min(deadlineMs, BLOCK_MS)
  const lanes = new Map<string, { readonly runner: Runner; readonly sink: WaitingSink }>()

  function lane(safety: Safety): Runner {
    const name = `${safety.fsynced} ${safety.replicas}`
    const known = lanes.get(name)
    if (known) return known.runner
    const sink = createWaitingSink(servers, safety, waitMs, tried, () => runner.resume())
    const runner: Runner = new Runner(sink, { ...limits, onReadonly: () => sink.reconnect() })
    lanes.set(name, { runner, sink })
    return runner
  }

  return {
    bind: (script, shared, safety, of) => lane(safety).bind(script, shared, deadlineMs + 3 * waitMs, of),
    get pending() {
      let sum = 0
      for (const { runner } of lanes.values()) sum += runner.pending
      return sum
    },
    hurry(ms) {
      for (const { runner } of lanes.values()) runner.patience.end(ms)
    },
    async idle() {
      await Promise.all([...lanes.values()].map(({ runner }) => runner.close()))
    },
    close() {
      for (const { sink } of lanes.values()) sink.close()
    },
  }
}

interface WaitingSink extends CommandSink {
  /** Looks for the master again. */
  reconnect(): void
  close(): void
}

/** One connection, to one server. */
interface Waiting {
  readonly link: Link
  /** Whether the server can do what is asked; undefined until it said so. */
  fit: true | PenknifeError | undefined
  /** Of the calls sent in this turn, which no WAIT follows yet. */
  confirmation: Promise<void> | undefined
  /** WAITs under way. */
  waiting: number
  /** SHA-1s of the scripts that the server ran since it was connected. */
  readonly ran: Set<string>
}

function createWaitingSink(
  servers: Servers,
  { fsynced, replicas }: Safety,
  waitMs: number,
  tried: DurableOptions['tried'],
  onReady: () => void,
): WaitingSink {
  const command = fsynced ? 'WAITAOF' : 'WAIT'
  const links = new Map<string, Waiting>()
  let lastError: Error | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function waitingFor(slot: number): Waiting | undefined {
    const owner = servers.owner(slot, 'durable')
    return owner && (links.get(owner.node) ?? open(owner))
  }

  function open(owner: Owner): Waiting {
    const link = owner.open()
    const waiting: Waiting = { link, fit: undefined, confirmation: undefined, waiting: 0, ran: new Set() }
    links.set(owner.node, waiting)
    link.on('ready', () => void probe(waiting))
    link.on('closed', (cause) => {
      lastError = cause ?? lastError
      waiting.fit = undefined
      waiting.ran.clear()
      // On a cluster the slots of a master that is gone will be another's: start afresh.
      if (!servers.cluster) return
      if (links.get(owner.node) === waiting) links.delete(owner.node)
      void link.close()
      lookUp()
    })
    return waiting
  }

  /** Asks the server whether it can, before anything is written: it may be too old, without AOF, or not allow it. */
  async function probe(waiting: Waiting): Promise<void> {
    try {
      await waiting.link.call(command, ...(fsynced ? [1] : []), 0, 1)
      waiting.fit = true
      lastError = undefined
      tried(command)
    } catch (error) {
      if (!waiting.link.ready) return
      waiting.fit = refusal(command, error)
      tried(command, error)
    }
    onReady()
  }

  /** Finds the master that took over, and tries again what waits for it. */
  function lookUp(): void {
    if (closed || !servers.cluster) return
    timer ??= setTimeout(() => {
      timer = undefined
      servers.refresh(onReady)
    }, LOOK_UP_MS).unref()
  }

  /** One WAIT behind everything that this turn sends; fails when too few have it. */
  function confirm(waiting: Waiting): Promise<void> {
    waiting.confirmation ??= Promise.resolve().then(async () => {
      waiting.confirmation = undefined
      waiting.waiting += 1
      try {
        const args = fsynced ? [1, replicas, waitMs] : [replicas, waitMs]
        const found = await waiting.link.call(command, ...args)
        const [local, others] = (fsynced && Array.isArray(found) ? found : [1, found]) as [unknown, unknown]
        if (typeof local !== 'number' || typeof others !== 'number') throw unreadable(command, found)
        if (local < 1 || others < replicas) throw tooFew(local, others)
      } catch (error) {
        throw error instanceof PenknifeError ? error : unconfirmed(error)
      } finally {
        waiting.waiting -= 1
        if (waiting.waiting === 0) onReady()
      }
    })
    return waiting.confirmation
  }

  async function call(name: string, args: readonly Sent[], slot: number): Promise<unknown> {
    const waiting = waitingFor(slot)
    if (waiting?.fit instanceof PenknifeError) throw waiting.fit
    if (!waiting) throw new NotSent("the slot's master is not connected")
    const sent = argsOf(args)
    const script = String(sent[0])
    const reply = waiting.link.call(name, ...sent)
    // A WAIT behind a script that the server does not know would be in vain, and may take all the time that there is.
    const known = name === 'eval' || waiting.ran.has(script)
    const confirmed = known ? confirm(waiting) : undefined
    // Whoever waits for the reply learns first why the call failed.
    confirmed?.catch(() => {})
    let answer: unknown
    try {
      answer = await reply
    } catch (error) {
      if (replyCode(error) === 'NOSCRIPT') waiting.ran.delete(script)
      if (movedAway(error) || neverSent(error)) lookUp()
      throw error
    }
    waiting.ran.add(name === 'eval' ? createHash('sha1').update(script).digest('hex') : script)
    await (confirmed ?? confirm(waiting))
    return answer
  }

  function tooFew(local: number, others: number): PenknifeError {
    const where = fsynced ? 'on the disk of' : 'with'
    const self = fsynced && local < 1 ? 'it is not on the disk of the master, and ' : ''
    return new PenknifeError(
      'PENKNIFE_NOT_DURABLE',
      `the call was carried out, but after ${waitMs} ms ${self}it is ${where} ${others} replicas, not ${replicas}; ` +
        'it may be lost when its master is',
      { fate: 'unknown' },
    )
  }

  return {
    get lastError() {
      return lastError
    },
    get status() {
      return [...links.values()].at(-1)?.link.status ?? 'wait'
    },
    ready(slot) {
      if (closed) return false
      const waiting = waitingFor(slot)
      if (!waiting) lookUp()
      return waiting !== undefined && waiting.link.ready && !!waiting.fit && waiting.waiting === 0
    },
    send: (name, args, slot, receiver) => handOver(call(name, args, slot), receiver),
    together: (run) => run(),
    reconnect() {
      for (const { link } of links.values()) link.lookAgain()
    },
    close() {
      closed = true
      clearTimeout(timer)
      for (const { link } of links.values()) void link.close()
    },
  }
}

function refusal(command: string, cause: unknown): PenknifeError {
  const needs =
    command === 'WAITAOF'
      ? "durability 'fsynced' needs Redis 7.2 or Valkey 8 with appendonly yes"
      : "durability 'replicated' needs a master"
  const said = `${needs}; the server said: ${(cause as Error).message}`
  return new PenknifeError('PENKNIFE_REJECTED', said, { cause: saidBy(cause) })
}

function unreadable(command: string, found: unknown): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_NOT_DURABLE',
    `the call was carried out, but what ${command} replied cannot be read (${errorText(found)}); it may be lost`,
    { fate: 'unknown' },
  )
}

function unconfirmed(cause: unknown): PenknifeError {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new PenknifeError(
    'PENKNIFE_NOT_DURABLE',
    `the call was carried out, but the connection broke before anyone confirmed it (${said}); it may be lost`,
    { cause: saidBy(cause), fate: 'unknown' },
  )
}
