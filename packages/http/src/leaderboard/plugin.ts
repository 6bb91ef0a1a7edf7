import { createHash } from 'node:crypto'

import { type Leaderboard, PenknifeError } from '@penknife/core'

import { PASS, type Reply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { definePlugin, type Handler, type Plugin } from '../plugin.ts'
import { problem } from '../problem.ts'
import { checkLeaderboard, type LeaderboardRouteOptions } from './options.ts'
import { BadRequest, type Question, questionOf } from './question.ts'
import { createShared } from './shared.ts'

/** A body as it goes out; undefined when the board does not have the member. */
type Body = { readonly text: string; readonly tag: string } | undefined

/**
 * A board as JSON:
 *
 * - `GET <path>/top?count=10&from=1`: `{"window":"all","rows":[{"member":"ann","score":7,"rank":1}, …]}`
 * - `GET <path>/around/<member>?each=5`: the same, of the rows before and after a member
 * - `GET <path>/rank/<member>`: `{"window":"all","row":{"member":"ann","score":7,"rank":1}}`
 *
 * and each with `?window=` and, for calendar windows, `?previous=1` for the period before. An answer carries an ETag, so that
 * a client which has it already gets 304, and `Cache-Control`. A value out of its bounds is 400, a member
 * that is not on the board 404, both as problem+json; while Redis is away the answer is 503. Other paths and other
 * methods than GET and HEAD pass on. One script call for each read, shared with the other calls of its turn.
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

      function answer(question: Question): Promise<Body> {
        if (question.kind !== 'top') return read(board, question)
        const { count, from, read: where } = question
        return shared(`${count} ${from} ${where.previous} ${where.window}`, () => read(board, question))
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
          const question = questionOf(exchange, checked)
          return question ? replyWith(await answer(question), exchange) : PASS
        } catch (error) {
          return replyTo(error)
        }
      }
      return handler
    },
  })

async function read(board: Leaderboard, question: Question): Promise<Body> {
  const { kind, read: options } = question
  const { window } = options
  if (kind === 'top') {
    return bodyOf({ window, rows: await board.top(question.count, question.from, options) })
  }
  if (kind === 'rank') {
    const row = await board.rank(question.member, options)
    return row ? bodyOf({ window, row }) : undefined
  }
  const rows = await board.around(question.member, question.each, options)
  return rows ? bodyOf({ window, rows }) : undefined
}

/** The tag is a weak one, because a compressor behind us may change the bytes and not what they say. */
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

/** What came from the client is its mistake, an outage is nobody's; all else goes to the framework. */
function replyTo(error: unknown): Reply {
  if (error instanceof BadRequest) return problem(400, { detail: error.message })
  if (!(error instanceof PenknifeError)) throw error
  if (error.code === 'PENKNIFE_INVALID' && (error.option === 'member' || error.option === 'previous')) {
    return problem(400, { detail: error.message })
  }
  if (error.code === 'PENKNIFE_INVALID' || error.code === 'PENKNIFE_REJECTED') throw error
  return problem(503, { detail: 'The leaderboard cannot be read now.', headers: { 'Retry-After': '1' } })
}
