import { createHash } from 'node:crypto'

import type { Cluster, Redis } from 'ioredis'

import { PenknifeError } from '../errors.ts'
import { BLOCK_MS, type Connection, type Connections, type Owner } from './connections.ts'
import { errorText } from '../text.ts'
import { argsOf, handOver, type Sent } from './direct.ts'
import { movedAway, neverSent, notSent, replyCode } from './failures.ts'
import { type Port, Runner, type RunnerOptions } from './runner.ts'
import type { Arg, Script, SharedArg } from './script.ts'
import type { CommandSink } from './sink.ts'

/** Where a write must have arrived before its call resolves. */
export interface Safety {
  /** On the disk of the server that ran it, and of that many replicas: WAITAOF instead of WAIT. */
  readonly fsynced: boolean
  /** Replicas that must have it. */
  readonly replicas: number
}

export interface DurableOptions extends Omit<RunnerOptions, 'onReadonly'> {
  readonly deadlineMs: number
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
export function createDurable(
  connections: Connections,
  commands: Connection,
  { deadlineMs, ...limits }: DurableOptions,
): Durable {
  // The socket of a connection that waits may be silent for as long as a blocking reader's.
  const waitMs = Math.min(deadlineMs, BLOCK_MS)
  const lanes = new Map<string, { readonly runner: Runner; readonly sink: WaitingSink }>()

  function lane(safety: Safety): Runner {
    const name = `${safety.fsynced} ${safety.replicas}`
    const known = lanes.get(name)
    if (known) return known.runner
    const sink = createWaitingSink(connections, commands, safety, waitMs, () => runner.resume())
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
interface Link {
  readonly redis: Redis
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
  connections: Connections,
  commands: Connection,
  { fsynced, replicas }: Safety,
  waitMs: number,
  onReady: () => void,
): WaitingSink {
  const command = fsynced ? 'WAITAOF' : 'WAIT'
  const links = new Map<string, Link>()
  let lastError: Error | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function linkFor(slot: number): Link | undefined {
    const owner: Owner | undefined = connections.cluster
      ? connections.owner(commands as Cluster, slot, 'durable')
      : { node: '', open: () => connections.open('durable') as Redis }
    return owner && (links.get(owner.node) ?? open(owner))
  }

  function open(owner: Owner): Link {
    const redis = owner.open()
    const link: Link = { redis, fit: undefined, confirmation: undefined, waiting: 0, ran: new Set() }
    links.set(owner.node, link)
    redis.on('error', (error: Error) => {
      if (!neverSent(error)) lastError = error
    })
    redis.on('ready', () => void probe(link))
    redis.on('close', () => {
      link.fit = undefined
      link.ran.clear()
      // On a cluster the slots of a master that is gone will be another's: start afresh.
      if (!connections.cluster) return
      if (links.get(owner.node) === link) links.delete(owner.node)
      redis.disconnect()
      lookUp()
    })
    return link
  }

  /** Asks the server whether it can, before anything is written: it may be too old, without AOF, or not allow it. */
  async function probe(link: Link): Promise<void> {
    try {
      await link.redis.call(command, ...(fsynced ? [1] : []), 0, 1)
      link.fit = true
      lastError = undefined
    } catch (error) {
      if (link.redis.status !== 'ready') return
      link.fit = refusal(command, error)
    }
    onReady()
  }

  /** Finds the master that took over, and tries again what waits for it. */
  function lookUp(): void {
    if (closed || !connections.cluster) return
    timer ??= setTimeout(() => {
      timer = undefined
      const cluster = commands as Cluster
      if (cluster.status === 'ready') cluster.refreshSlotsCache(onReady)
      else onReady()
    }, LOOK_UP_MS).unref()
  }

  /** One WAIT behind everything that this turn sends; fails when too few have it. */
  function confirm(link: Link): Promise<void> {
    link.confirmation ??= Promise.resolve().then(async () => {
      link.confirmation = undefined
      link.waiting += 1
      try {
        const args = fsynced ? [1, replicas, waitMs] : [replicas, waitMs]
        const found = await link.redis.call(command, ...args)
        const [local, others] = (fsynced && Array.isArray(found) ? found : [1, found]) as [unknown, unknown]
        if (typeof local !== 'number' || typeof others !== 'number') throw unreadable(command, found)
        if (local < 1 || others < replicas) throw tooFew(local, others)
      } catch (error) {
        throw error instanceof PenknifeError ? error : unconfirmed(error)
      } finally {
        link.waiting -= 1
        if (link.waiting === 0) onReady()
      }
    })
    return link.confirmation
  }

  async function call(name: string, args: readonly Sent[], slot: number): Promise<unknown> {
    const link = linkFor(slot)
    if (link?.fit instanceof PenknifeError) throw link.fit
    if (!link) throw notSent()
    const sent = argsOf(args)
    const script = String(sent[0])
    const reply = link.redis.call(name, sent)
    // A WAIT behind a script that the server does not know would be in vain, and may take all the time that there is.
    const known = name === 'eval' || link.ran.has(script)
    const confirmed = known ? confirm(link) : undefined
    // Whoever waits for the reply learns first why the call failed.
    confirmed?.catch(() => {})
    let answer: unknown
    try {
      answer = await reply
    } catch (error) {
      if (replyCode(error) === 'NOSCRIPT') link.ran.delete(script)
      if (movedAway(error) || neverSent(error)) lookUp()
      throw error
    }
    link.ran.add(name === 'eval' ? createHash('sha1').update(script).digest('hex') : script)
    await (confirmed ?? confirm(link))
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
      return [...links.values()].at(-1)?.redis.status ?? 'wait'
    },
    ready(slot) {
      if (closed) return false
      const link = linkFor(slot)
      if (!link) lookUp()
      return link !== undefined && link.redis.status === 'ready' && !!link.fit && link.waiting === 0
    },
    send: (name, args, slot, receiver) => handOver(call(name, args, slot), receiver),
    reconnect() {
      for (const { redis } of links.values()) redis.disconnect(!connections.cluster)
    },
    close() {
      closed = true
      clearTimeout(timer)
      for (const { redis } of links.values()) redis.disconnect()
    },
  }
}

function refusal(command: string, cause: unknown): PenknifeError {
  const needs =
    command === 'WAITAOF'
      ? "durability 'fsynced' needs Redis 7.2 or Valkey 8 with appendonly yes"
      : "durability 'replicated' needs a master"
  return new PenknifeError('PENKNIFE_REJECTED', `${needs}; the server said: ${(cause as Error).message}`, {
    cause,
  })
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
    { cause, fate: 'unknown' },
  )
}
