import { invalid } from '@penknife/core/internal'

import type { Reply, StreamReply } from './answer.ts'

const FIX = "answer with a reply such as { status: 429, body: 'Slow down' }"

/** The reply that somebody answered with. @throws PENKNIFE_INVALID that says what to answer, for all that cannot be sent. */
export function checkReply(who: string, answer: unknown): Reply | StreamReply {
  if (typeof answer !== 'object' || answer === null) throw invalid(`the answer of ${who}`, answer, FIX)
  const { status, headers, body, stream } = answer as Partial<
    Record<keyof Reply | keyof StreamReply, unknown>
  >
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) {
    throw invalid(`the status in the answer of ${who}`, status, `give a whole number from 200 to 599: ${FIX}`)
  }
  if (headers !== undefined && (typeof headers !== 'object' || headers === null)) {
    throw invalid(`the headers in the answer of ${who}`, headers, 'give an object: names and values')
  }
  if ('stream' in answer && typeof stream !== 'function') {
    throw invalid(`the stream in the answer of ${who}`, stream, 'give a function of the writer')
  }
  if (typeof body === 'function' || typeof body === 'symbol' || body instanceof Promise) {
    throw invalid(
      `the body in the answer of ${who}`,
      body,
      'give text, bytes, or a value for JSON; await a promise first',
    )
  }
  return answer as Reply | StreamReply
}
