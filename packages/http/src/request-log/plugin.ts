import { invalid } from '@penknife/core/internal'

import { PASS } from '../answer.ts'
import { decides } from '../ask.ts'
import type { Exchange, Finish } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { reportOnce, warnOnce } from '../warn.ts'
import { addressOf } from './address.ts'
import { parseArguments, type RequestLogArguments } from './arguments.ts'
import { cleanValue } from './clean.ts'
import { createCounter } from './counter.ts'
import { Delivery } from './delivery.ts'
import type { RequestEntry } from './entry.ts'
import type { ClientErrorLog, RequestLogHandler } from './handler.ts'
import { type Notes, takeNotes, toError } from './notes.ts'
import { checkRequestLog } from './options.ts'
import type { MoreFields } from './pack.ts'
import { perSecond } from './per-second.ts'
import { requestIds } from './request-id.ts'
import { samplerOf } from './sampling.ts'
import { leavesOut } from './skip.ts'
import { FULL, targetOf } from './target.ts'
import { createTick } from './tick.ts'
import { entryMaker, limitOf } from './to-entry.ts'

const CODE = 'PENKNIFE_REQUEST_LOG'

/** The most logged requests a second of clients that reset their connection at once, and of clients whose requests Node refuses. */
const MAX_RESETS = 10
const TOO_MANY_RESETS = `clients reset more than ${MAX_RESETS} connections a second at once; further requests of such clients are not logged`
const TOO_MANY_REFUSED = `node refused more than ${MAX_RESETS} requests a second; further ones are not logged`

/** The entry of a dropped request of which nothing is known. */
const UNKNOWN = {
  method: '',
  path: '',
  status: 0,
  durationMs: 0,
  bytesIn: 0,
  bytesOut: 0,
  aborted: false,
} as const

type Later = Promise<boolean> | false

/** A request that has ended. */
interface Ended {
  readonly exchange: Exchange
  readonly finish: Finish
  /** When it arrived, milliseconds since 1970. */
  readonly at: number
  readonly notes: Notes
  /** False when it is not skipped; a promise while that is asked. */
  readonly skipped: Later
}

/**
 * Adds each finished request to a stream. No request waits for Redis or fails with it. Entries wait in memory, within a bound, and are
 * written in batches. A batch whose fate is unknown is written again, and added once. While Redis is away the oldest entries are
 * dropped and counted. A callback that fails is reported, and fails no request.
 *
 * A client that resets its connection at once has no address to limit it by. Ten such requests a second are logged.
 *
 * `close()` writes the entries that wait. At its deadline (10 s) it reports those that are lost, and resolves. Cost: one XADD for each
 * request; up to 128 share an EVALSHA.
 */
export const requestLogPlugin: Plugin<RequestLogArguments, RequestLogHandler> = definePlugin({
  name: 'requestLog',
  setup(...args) {
    const { place, name, retain, options } = parseArguments(args)
    const bounds = checkRequestLog(options)
    const { skip, fields, sample } = options
    const counter = createCounter(options.onError ?? reportOnce(CODE, 'requestLog loses entries'))
    const target = targetOf(place, name, retain, (error) => counter.failed(error))
    const overflow = `${bounds.maxPending} entries or ${bounds.maxPendingBytes} bytes wait for Redis; the oldest are dropped`
    const delivery = new Delivery({
      ...bounds,
      write: target.write,
      batch: Math.min(target.batch, bounds.maxPending),
      onRefused: (error) => counter.noticed(error),
      onOverflow: (entries) => counter.dropped(overflow, entries),
      onFull: (entries) => counter.dropped(FULL, entries),
      onWritten({ missed }) {
        counter.resume(overflow)
        for (const { group, entries } of missed) {
          warnOnce(
            CODE,
            `${target.title} ${group}`,
            `${target.title} deleted ${entries} entries that group '${group}' had not finished, and deletes more as long as it is behind: ` +
              'start its workers, raise retain, or drop the group',
          )
        }
      },
    })
    const toAddress = addressOf(options.ip)
    const toEntry = entryMaker(options, toAddress)
    const idOf = requestIds(options.requestId)
    const sampler = samplerOf(sample)
    const isLeftOut = typeof skip === 'function' ? undefined : skip && leavesOut(skip)
    const admitReset = perSecond(MAX_RESETS, () => counter.resume(TOO_MANY_RESETS))
    const admitRefused = perSecond(MAX_RESETS, () => counter.resume(TOO_MANY_REFUSED))
    const reportSkip = reportOnce(CODE, 'requestLog logs requests for which skip failed')
    /** Entries that wait for a promise of the application. */
    let waiting = 0

    /** Whether to skip a request. An error of `skip` does not reach the request. */
    function skips(exchange: Exchange): boolean | Promise<boolean> {
      if (typeof skip !== 'function') return false
      try {
        const answer: unknown = skip(exchange)
        return typeof answer === 'boolean' ? answer : decides('requestLog skip', () => answer, reportSkip)
      } catch (error) {
        reportSkip(error)
        return false
      }
    }

    function lose(error: unknown): void {
      counter.failed(error)
      delivery.drop(1)
    }

    function write(entry: RequestEntry, noted: object | undefined, added: object | undefined): void {
      const more = noted || added ? (cleanValue({ ...noted, ...added }) as MoreFields) : undefined
      const text = target.toText(entry, more)
      if (typeof text === 'string') return delivery.add(text)
      waiting += 1
      text.then((made) => delivery.add(made), lose).finally(() => (waiting -= 1))
    }

    const ended = createTick((request: Ended) => {
      try {
        finished(request)
      } catch (error) {
        lose(error)
      }
    })

    function finished({ exchange, finish, at, notes, skipped }: Ended): void {
      const route = exchange.route()
      const limit = limitOf(exchange)
      const { status, durationMs } = finish
      const rate = sampler
        ? sampler({
            status,
            durationMs,
            failed: notes.error !== undefined,
            limited: limit?.allowed === false,
            route,
          })
        : 1
      if (rate === 0 || isLeftOut?.(exchange.method, exchange.path, status)) return
      const entry = toEntry(exchange, { finish, at, notes, limit, route, rate })
      if (!fields && !skipped) return write(entry, notes.fields, undefined)
      if (waiting + delivery.pending >= bounds.maxPending) {
        delivery.drop(1)
        return counter.dropped(overflow, 1)
      }
      waiting += 1
      void later(exchange, entry, notes, skipped).finally(() => (waiting -= 1))
    }

    async function later(
      exchange: Exchange,
      entry: RequestEntry,
      notes: Notes,
      skipped: Later,
    ): Promise<void> {
      try {
        if (skipped && (await skipped)) return
        write(entry, notes.fields, fields && membersOf(await fields(exchange, entry)))
      } catch (error) {
        lose(error)
      }
    }

    const handler: Handler = (exchange) => {
      const skipped = skips(exchange)
      if (skipped === true) return PASS
      // It also reads the client's address, which Node then keeps after the socket closed.
      if (exchange.gone && !admitReset()) {
        delivery.drop(1)
        counter.dropped(TOO_MANY_RESETS, 1)
        return PASS
      }
      const at = Date.now()
      const notes = takeNotes(exchange, idOf?.(exchange))
      exchange.onFinish((finish) => ended.add({ exchange, finish, at, notes, skipped }))
      return PASS
    }

    async function close(deadlineMs: number): Promise<void> {
      // Before the caller's deadline, so that the report comes before `close` resolves.
      const ends = performance.now() + deadlineMs - Math.min(100, deadlineMs / 2)
      const left = (): number => Math.max(0, ends - performance.now())
      // A server says that it is closed before its last sockets do.
      await new Promise((resolve) => setImmediate(resolve))
      ended.run()
      if (await delivery.flush(left())) {
        const dropped = delivery.takeDropped()
        if (dropped === 0) return
        // No entry follows that could tell of them.
        write({ ...UNKNOWN, at: Date.now() }, undefined, undefined)
        delivery.drop(dropped - 1)
        if (await delivery.flush(left())) return
      }
      const { unknown } = delivery
      const lost = delivery.abandon()
      if (lost + unknown === 0) return
      const maybe = unknown > 0 ? `; of ${unknown} more it is unknown` : ''
      counter.lost(
        new Error(`${lost} entries had not reached Redis within ${deadlineMs} ms of close()${maybe}`),
        lost,
      )
    }

    const clientErrors: ClientErrorLog = ({ status, error, address }) => {
      if (!admitRefused()) {
        delivery.drop(1)
        counter.dropped(TOO_MANY_REFUSED, 1)
        return
      }
      const ip = address === undefined ? undefined : toAddress(address)
      const entry: RequestEntry = {
        ...UNKNOWN,
        at: Date.now(),
        status,
        ...(ip !== undefined && { ip }),
        error: toError(error),
      }
      write(entry, undefined, undefined)
    }

    return Object.assign(handler, { close, clientErrors })
  },
})

function membersOf(answer: unknown): object {
  if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer
  throw invalid('the answer of requestLog fields', answer, 'return an object with the members to add')
}
