import { createHash } from 'node:crypto'

import { type Leaderboard, PenknifeError } from '@penknife/core'

import { PASS, type Reply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import { checkLeaderboard, type LeaderboardRouteOptions } from './options.ts'
import { BadRequest, type BoardRequest, parseRequest } from './board-request.ts'
import { createShared } from './shared.ts'

/** The body of a response; undefined when the member is not on the board. */
type Body = { readonly text: string; readonly tag: string } | undefined

/**
 * Serves a board as JSON:
 *
 * - `GET <path>/top?count=10&from=1`: `{"window":"all","rows":[{"member":"ann","score":7,"rank":1}, …]}`
 * - `GET <path>/around/<member>?each=5`: the same, of the rows before and after a member
 * - `GET <path>/rank/<member>`: `{"window":"all","row":{"member":"ann","score":7,"rank":1}}`
 *
 * Each also takes `?window=` and, for calendar windows, `?previous=1` for the previous period. Responses have `Cache-Control`
 * and an ETag; a client with the current version gets 304. Errors are problem+json: 400 for a value out of its bounds, 404 for
 * a member that is not on the board, 503 while Redis is away. Other paths, and methods other than GET and HEAD, are passed to
 * the next handler. One script call for each read, shared with other calls of the same tick.
 */
export const leaderboardPlugin: Plugin<[board: Leaderboard, options?: LeaderboardRouteOptions], Handler> =
  definePlugin({
    name: 'leaderboard',
    setup(board, options = {}) {
      const checked = checkLeaderboard(board, options)
      const { maxAgeMs } = checked
      const seconds = Math.floor(maxAgeMs / 1000)
      const cacheControl = seconds > 0 ? `max-age=${seconds}` : 'no-cache'
      const shared = createShared<Body>(maxAgeMs)

      function answer(request: BoardRequest): Promise<Body> {
        if (request.kind !== 'top') return read(board, request)
        const { count, from, read: where } = request
        return shared(`${count} ${from} ${where.previous} ${where.window}`, () => read(board, request))
      }

      function replyWith(body: Body, exchange: Exchange): Reply {
        if (!body) return problem(404, { detail: 'The member is not on the board.' })
        const headers = { 'Cache-Control': cacheControl, ETag: body.tag }
        if (knows(exchange.header('if-none-match'), body.tag)) return { status: 304, headers }
        return {
          status: 200,
          headers: { ...headers, 'Content-Type': 'application/json; charset=utf-8' },
          body: body.text,
        }
      }

      const handler: Handler = async (exchange) => {
        if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return PASS
        try {
          const request = parseRequest(exchange, checked)
          return request ? replyWith(await answer(request), exchange) : PASS
        } catch (error) {
          return replyTo(error)
        }
      }
      return handler
    },
  })

async function read(board: Leaderboard, request: BoardRequest): Promise<Body> {
  const { kind, read: options } = request
  const { window } = options
  if (kind === 'top') {
    return bodyOf({ window, rows: await board.top(request.count, request.from, options) })
  }
  if (kind === 'rank') {
    const row = await board.rank(request.member, options)
    return row ? bodyOf({ window, row }) : undefined
  }
  const rows = await board.around(request.member, request.each, options)
  return rows ? bodyOf({ window, rows }) : undefined
}

/** The ETag is weak, because a compressor may change the bytes but not the content. */
function bodyOf(value: unknown): Body {
  const text = JSON.stringify(value)
  return { text, tag: `W/"${createHash('sha1').update(text).digest('base64url')}"` }
}

/** Whether If-None-Match names the tag; tags are compared weakly (RFC 9110, 13.1.2). */
function knows(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  const opaque = tag.slice(2)
  return header.split(',').some((part) => ['*', tag, opaque].includes(part.trim()))
}

/** The reply to an error: 400 for the client's mistakes, 503 for an outage. Other errors are passed to the framework. */
function replyTo(error: unknown): Reply {
  if (error instanceof BadRequest) return problem(400, { detail: error.message })
  if (!(error instanceof PenknifeError)) throw error
  if (error.code === 'PENKNIFE_INVALID' && (error.option === 'member' || error.option === 'previous')) {
    return problem(400, { detail: error.message })
  }
  if (error.code === 'PENKNIFE_INVALID' || error.code === 'PENKNIFE_REJECTED') throw error
  return problem(503, { detail: 'The leaderboard cannot be read now.', headers: { 'Retry-After': '1' } })
}
