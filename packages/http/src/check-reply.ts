import { invalid, isPromiseLike } from '@penknife/core/internal'

import type { Reply, StreamReply } from './answer.ts'

const FIX = "answer with a reply such as { status: 429, body: 'Slow down' }"

/**
 * Checks a reply before it is sent.
 *
 * @param source the function that answered, for the error
 * @throws PENKNIFE_INVALID for an answer that cannot be sent, with the fix
 */
export function checkReply(source: string, answer: unknown): Reply | StreamReply {
  if (typeof answer !== 'object' || answer === null) throw invalid(`the answer of ${source}`, answer, FIX)
  const { status, headers, body, stream, endless } = answer as Partial<
    Record<keyof Reply | keyof StreamReply, unknown>
  >
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) {
    throw invalid(
      `the status in the answer of ${source}`,
      status,
      `give a whole number from 200 to 599: ${FIX}`,
    )
  }
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || isPromiseLike(headers))) {
    throw invalid(`the headers in the answer of ${source}`, headers, 'give an object: names and values')
  }
  if ('stream' in answer && typeof stream !== 'function') {
    throw invalid(`the stream in the answer of ${source}`, stream, 'give a function of the writer')
  }
  if (endless !== undefined && typeof endless !== 'boolean') {
    throw invalid(`endless in the answer of ${source}`, endless, 'give true or false')
  }
  if (typeof body === 'function' || typeof body === 'symbol' || isPromiseLike(body)) {
    throw invalid(
      `the body in the answer of ${source}`,
      body,
      'give text, bytes, or a value for JSON; await a promise first',
    )
  }
  return answer as Reply | StreamReply
}
