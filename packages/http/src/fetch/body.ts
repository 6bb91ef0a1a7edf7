import { clientLeft, EMPTY, fromParser, tooLarge } from '../exchange/raw-body.ts'
import type { Outcome } from '../exchange/ending.ts'

/** The bytes of a Request or a Response. */
export type Readable = ReadableStream<Uint8Array<ArrayBuffer>>

interface Watcher {
  readonly onChunk?: (chunk: Uint8Array) => void
  readonly onEnd?: (outcome: Outcome) => void
}

/** The same stream, with a watcher. It reads nothing ahead. */
export function watched(stream: Readable, { onChunk, onEnd }: Watcher): Readable {
  const reader = stream.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) {
            controller.close()
            onEnd?.('finished')
          } else {
            onChunk?.(value)
            controller.enqueue(value)
          }
        } catch (error) {
          controller.error(error)
          onEnd?.('aborted')
        }
      },
      cancel(reason) {
        onEnd?.('aborted')
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/**
 * Reads a request's body, and makes a request with the same body for the next reader.
 *
 * @param kept returns the body that an earlier reader left, or a promise of it
 * @param replace gets the request for the next reader, if the given one was read
 */
export async function readBody(
  request: Request,
  limitBytes: number,
  kept: () => unknown,
  replace: (next: Request) => void,
): Promise<Uint8Array> {
  if (request.bodyUsed || request.body?.locked) {
    const body = fromParser(await kept())
    if (body.byteLength > limitBytes) throw tooLarge(limitBytes)
    return body
  }
  if (!request.body) return EMPTY
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes) throw tooLarge(limitBytes)
  if (request.signal.aborted) throw clientLeft()
  const reader = (request.body as Readable).getReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  while (size <= limitBytes) {
    const { done, value } = await reader.read().catch(() => {
      throw clientLeft()
    })
    if (done) {
      const body = Buffer.concat(chunks, size)
      replace(withBody(request, body))
      return body
    }
    chunks.push(value)
    size += value.byteLength
  }
  replace(withBody(request, rest(chunks, reader)))
  throw tooLarge(limitBytes)
}

/** The same request with another body. */
export function withBody(request: Request, body: Readable | Uint8Array<ArrayBuffer>): Request {
  const init = { body, duplex: 'half' as const }
  return new Request(request, init)
}

/** The chunks that were read, and those that were not. */
export function rest(
  chunks: readonly Uint8Array<ArrayBuffer>[],
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Readable {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
    },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
