import { runSafely } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { streamOutput } from '../redis/scripts.gen.ts'
import { isWellFormed } from '../text.ts'
import type { StreamOutput } from './entry-state-types.ts'
import type { Scope } from './scope.ts'

/** The most text of one write, and of the output of an entry, in bytes of UTF-8. */
const LARGEST_WRITE = 64 << 10
const LARGEST_OUTPUT = 1 << 20
/** As lua/stream/write.lua has the fence. */
const FENCE_DIGITS = 16

/** The fence of a delivery, as the scripts of outputs take it. */
export function fenceText(fence: number): string {
  return String(fence).padStart(FENCE_DIGITS, '0')
}

/** @throws PENKNIFE_INVALID for what is no text, or is too long. */
export function checkOutput(text: unknown): string {
  if (typeof text !== 'string') throw invalid('text', text, 'give text; turn other values into lines of JSON')
  if (!isWellFormed(text))
    throw invalid('text', text, 'it has half a character; cut text between code points')
  if (Buffer.byteLength(text) > LARGEST_WRITE) {
    throw invalid(
      'text',
      `text of ${Buffer.byteLength(text)} bytes`,
      `write at most ${LARGEST_WRITE} bytes at once`,
    )
  }
  return text
}

/** Decodes the reply of lua/stream/write.lua. */
export function written(size: number, id: string): boolean {
  if (size >= 0) return size > 0
  throw invalid(
    'text',
    `more text of entry ${id}`,
    `an output has at most ${LARGEST_OUTPUT} bytes; store a URL`,
  )
}

/** Where a reader is in the output of an entry. */
interface Place {
  readonly fence: string
  readonly offset: number
}

const START: Place = { fence: '', offset: 0 }
const CURSOR = /^(\d{1,15})-(\d{1,15})$/

/** @throws PENKNIFE_INVALID for a text that is no cursor. */
export function outputPlace(cursor: string | undefined): Place {
  if (cursor === undefined) return START
  const [, fence, offset] = (typeof cursor === 'string' && CURSOR.exec(cursor)) || []
  if (fence === undefined) throw invalid('after', cursor, 'give the cursor of an output, such as 1-120')
  return { fence: fenceText(Number(fence)), offset: Number(offset) }
}

/** Follows the output of one entry, from a place on. Every part is given once and in order. */
export interface OutputReader {
  /** A message of lua/stream/write.lua, without its letter. */
  message(text: string): void
  /** Gives everything that Redis has now. Rejects when a read fails. */
  catchUp(): Promise<void>
}

const MESSAGE = /^(\d{16}) (\d{1,15}) /

/**
 * Messages that follow what was read are given at once. If one is missing, or the delivery is another one, the rest is read.
 *
 * @param failed called when a read fails that a message needed
 */
export function createOutputReader(
  { keys, route, stream, bind }: Scope,
  { group, id, from }: { readonly group: string; readonly id: string; readonly from: Place },
  onOutput: (output: StreamOutput) => void,
  failed: (error: unknown) => void,
): OutputReader {
  const read = bind(streamOutput, [])
  const key = keys.output(stream, group, id)
  let place = from
  let reading: Promise<void> | undefined
  /** Something arrived while a read was under way, which may not have it. */
  let again = false

  function give(fence: string, start: number, end: number, text: string): void {
    const restarted = place.offset > 0 && (fence !== place.fence || start < place.offset)
    place = { fence, offset: end }
    const cursor = `${Number(fence)}-${end}`
    runSafely('the onOutput function of result failed', () => onOutput({ text, cursor, restarted }))
  }

  async function readAll(): Promise<void> {
    let more = true
    while (more || again) {
      again = false
      const reply = (await read(route, key, place.fence, place.offset)) as readonly string[]
      const [fence, start, end, text, rest] = reply as [string, string, string, string, string]
      if (text !== '') give(fence, Number(start), Number(end), text)
      more = rest === '1'
    }
  }

  function catchUp(): Promise<void> {
    again = true
    return (reading ??= readAll().finally(() => (reading = undefined)))
  }

  return {
    message(message) {
      const [head, fence, start] = MESSAGE.exec(message) ?? []
      if (head === undefined || fence === undefined) return
      const text = message.slice(head.length)
      const isNext = fence === place.fence && Number(start) === place.offset
      if (!reading && isNext) give(fence, place.offset, place.offset + Buffer.byteLength(text), text)
      else if (reading || fence > place.fence || (fence === place.fence && Number(start) > place.offset)) {
        catchUp().catch(failed)
      }
    },
    catchUp,
  }
}
