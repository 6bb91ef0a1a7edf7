import { type HoldOptions, streaming } from '../exchange/hold.ts'
import { type Readable, rest } from './body.ts'

/**
 * Reads the body of a response that is held back, and returns the response when `ended` has settled. A body with more than
 * `maxBytes` is passed on as it arrives.
 */
export async function holdBody(response: Response, options: HoldOptions): Promise<Response> {
  if (!response.body) {
    await options.ended(Buffer.alloc(0))
    return response
  }
  const reader = (response.body as Readable).getReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  try {
    while (size <= options.maxBytes) {
      const { done, value } = await reader.read()
      if (done) {
        const body = Buffer.concat(chunks, size)
        await options.ended(body)
        return new Response(body, response)
      }
      chunks.push(value)
      size += value.byteLength
    }
  } catch (error) {
    options.abandoned()
    throw error
  }
  await options.tooLarge()
  return new Response(rest(chunks, reader), response)
}

/** Refuses a response that is sent in parts: its client would wait for the end. */
export function refuseEvents({ headers }: Response): void {
  const type = headers.get('content-type')
  if (type !== null && /^text\/event-stream\b/i.test(type)) throw streaming(`the type ${type}`)
}
