import { setTimeout as delay } from 'node:timers/promises'

import { connect, type Duration, inspect, type Inspector, type Penknife } from '@penknife/core'
import { durationMs } from '@penknife/core/internal'
import type { Cluster, Redis } from 'ioredis'

import { clientOf, type ClientOptions } from './client.ts'
import { EXIT, Failure } from './failure.ts'
import type { Output } from './output.ts'

/** Options that every command has. */
export interface GlobalOptions extends ClientOptions {
  readonly redis?: string
  readonly space?: string
  readonly deadline: string
  readonly json?: boolean
  readonly yes?: boolean
}

/** A connection for one command. */
export interface Session {
  readonly penknife: Penknife
  readonly inspector: Inspector
  /** A plain client for questions about the server. */
  readonly raw: Redis | Cluster
  readonly output: Output
  /** The keyPrefix of the application. */
  readonly prefix: string
  /** The reply of a call of `raw`, within the deadline. */
  reply<Value>(call: Promise<Value>): Promise<Value>
  /** The space of `--space`, or the only one. */
  space(): Promise<string>
  /** The space of `--space`. */
  readonly givenSpace: string | undefined
  /** Aborted at Ctrl-C. */
  readonly signal: AbortSignal
}

const DEFAULT_URL = 'redis://127.0.0.1:6379'
const MOST_SHOWN = 20

/** Opens penknife, runs a command, and closes everything. */
export async function withSession<Result>(
  options: GlobalOptions,
  env: Readonly<Record<string, string | undefined>>,
  output: Output,
  signal: AbortSignal,
  run: (session: Session) => Promise<Result>,
): Promise<Result> {
  const url = options.redis ?? env['PENKNIFE_REDIS'] ?? env['REDIS_URL'] ?? DEFAULT_URL
  const raw = clientOf(url, options)
  raw.on('error', () => {})
  const penknife = openPenknife(raw, options)
  // The listener replaces process warnings.
  penknife.on(() => {})
  const inspector = inspect(penknife)
  try {
    return await run({
      penknife,
      inspector,
      raw,
      output,
      signal,
      prefix: options.prefix ?? '',
      reply: (call) => within(options.deadline, call),
      space: async () => options.space ?? (await onlySpace(inspector)),
      givenSpace: options.space,
    })
  } finally {
    raw.disconnect()
    await penknife.close({ deadline: 1000 })
  }
}

function openPenknife(raw: Redis | Cluster, { deadline }: GlobalOptions): Penknife {
  return connect(raw, { deadline: deadline as Duration })
}

async function within<Value>(deadline: string, call: Promise<Value>): Promise<Value> {
  const late = new AbortController()
  const timer = delay(durationMs('--deadline', deadline as Duration), undefined, {
    signal: late.signal,
    ref: false,
  }).then(() => {
    throw new Failure(EXIT.redis, `Redis did not answer within ${deadline}`)
  })
  // It is rejected when it is aborted.
  timer.catch(() => {})
  try {
    return await Promise.race([call, timer])
  } finally {
    late.abort()
  }
}

async function onlySpace(inspector: Inspector): Promise<string> {
  const { items } = await inspector.spaces({ limit: MOST_SHOWN + 1 })
  const [first, ...others] = items
  if (first === undefined) {
    throw new Failure(
      EXIT.no,
      'no space is registered: is this the right server, database and --prefix? A process registers its objects after five seconds',
    )
  }
  if (others.length === 0) return first.name
  const names = items.slice(0, MOST_SHOWN).map(({ name }) => name)
  throw new Failure(
    EXIT.usage,
    `give --space, one of: ${names.join(', ')}${others.length >= MOST_SHOWN ? ', …' : ''}`,
  )
}
