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

/** Where a write must be before its call resolves. */
export interface Safety {
  /** On the disk of the server that ran it and of `replicas`: WAITAOF instead of WAIT. */
  readonly fsynced: boolean
  /** The number of replicas that must have it. */
  readonly replicas: number
}

export interface DurableOptions extends Omit<RunnerOptions, 'onReadonly'> {
  readonly deadlineMs: number
  /** Called after each probe of the command, with the error if the server refused it. */
  readonly tried: (command: 'WAIT' | 'WAITAOF', error?: unknown) => void
}

/** Calls that resolve when their writes are safe. */
export interface Durable {
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    safety: Safety,
    of?: string,
  ): Port<Item, Result>
  readonly pending: number
  /** As `end` of a runner's wait limit. */
  hurry(ms: number): void
  /** Refuses new calls. Resolves when the pending ones have ended. */
  idle(): Promise<void>
  close(): void
}

/** Wait before the owner of a slot is looked up again. */
const LOOK_UP_MS = 100

/**
 * Runs scripts on separate connections. The calls of each tick are followed by one WAIT or WAITAOF.
 *
 * WAIT blocks all later commands of its connection, and covers only writes of its own connection. So these calls, and no
 * others, use the connection that waits. From Redis 7.2 on WAIT does not cover a call that wrote nothing: a script that
 * replies "exists already" therefore writes something. During a WAIT further calls are collected. They are sent together
 * after it, with one WAIT for all.
 *
 * A call ends within four deadlines: one to reach Redis, one behind the current WAIT, one behind the WAIT of an attempt that
 * failed with NOSCRIPT, and one of its own.
 */
export function createDurable(servers: Servers, { deadlineMs, tried, ...limits }: DurableOptions): Durable {
  // Not longer than a blocking read: after that a silent socket counts as broken.
  const waitMs = Math.min(deadlineMs, BLOCK_MS)
  const runners = new Map<string, { readonly runner: Runner; readonly sink: WaitingSink }>()

  /** The runner of all calls with the same demands. */
  function runnerFor(safety: Safety): Runner {
    const name = `${safety.fsynced} ${safety.replicas}`
    const known = runners.get(name)
    if (known) return known.runner
    const sink = createWaitingSink(servers, safety, waitMs, tried, () => runner.resume())
    const runner: Runner = new Runner(sink, { ...limits, onReadonly: () => sink.reconnect() })
    runners.set(name, { runner, sink })
    return runner
  }

  return {
    bind: (script, shared, safety, of) => runnerFor(safety).bind(script, shared, deadlineMs + 3 * waitMs, of),
    get pending() {
      let sum = 0
      for (const { runner } of runners.values()) sum += runner.pending
      return sum
    },
    hurry(ms) {
      for (const { runner } of runners.values()) runner.waitLimit.end(ms)
    },
    async idle() {
      await Promise.all([...runners.values()].map(({ runner }) => runner.close()))
    },
    close() {
      for (const { sink } of runners.values()) sink.close()
    },
  }
}

interface WaitingSink extends CommandSink {
  /** Disconnects, to find the master again. */
  reconnect(): void
  close(): void
}

/** A connection to one server. */
interface Waiting {
  readonly link: Link
  /** Whether the server supports the command: true, or the error of each call. Undefined until it has answered. */
  fit: true | PenknifeError | undefined
  /** Of the calls that were sent in this tick and have no WAIT yet. */
  confirmation: Promise<void> | undefined
  /** WAITs without a reply. */
  waiting: number
  /** SHA-1s of the scripts that the server has run on this connection. */
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
      // On a cluster another master takes over the slots: look up its owner.
      if (!servers.cluster) return
      if (links.get(owner.node) === waiting) links.delete(owner.node)
      void link.close()
      lookUp()
    })
    return waiting
  }

  /** Tests the command before anything is written: the server may be too old, have no AOF, or not permit it. */
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

  /** Finds the master that took over, and sends the waiting calls again. */
  function lookUp(): void {
    if (closed || !servers.cluster) return
    timer ??= setTimeout(() => {
      timer = undefined
      servers.refresh(onReady)
    }, LOOK_UP_MS).unref()
  }

  /** Sends one WAIT after all calls of this tick. Fails when too few replicas have the writes. */
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
    // A WAIT after a script that the server does not know would confirm nothing, and could take the whole deadline.
    const known = name === 'eval' || waiting.ran.has(script)
    const confirmed = known ? confirm(waiting) : undefined
    // The call's own error is reported, not that of the WAIT.
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
    `the call was carried out, but the reply of ${command} cannot be read (${errorText(found)}); it may be lost`,
    { fate: 'unknown' },
  )
}

function unconfirmed(cause: unknown): PenknifeError {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new PenknifeError(
    'PENKNIFE_NOT_DURABLE',
    `the call was carried out, but the connection broke before the write was confirmed (${said}); it may be lost`,
    { cause: saidBy(cause), fate: 'unknown' },
  )
}
