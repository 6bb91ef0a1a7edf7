import type { Http2ServerResponse } from 'node:http2'

import type { NativeRequest, NativeResponse } from './exchange.ts'

/** Nothing written from now on can reach the client: it left, or the response is complete. */
export function isGone(response: NativeResponse): boolean {
  if (response.writableEnded) return true
  // A stream whose client left is closed some turns before it is destroyed.
  return isHttp2(response) ? response.stream.destroyed || response.stream.closed : response.destroyed
}

/** The response's last event has come, or is about to. */
export function isSettled(response: NativeResponse): boolean {
  return isHttp2(response) ? response.stream.destroyed : response.destroyed || response.writableFinished
}

/** The body's declared length when all of it arrived: it may have done so before anyone counted. */
export function arrivedBefore(request: NativeRequest): number {
  return request.complete ? Number(request.headers['content-length'] ?? 0) : 0
}

/** The client did not get the whole response. */
export function wasAborted(response: NativeResponse): boolean {
  if (isHttp2(response)) return response.stream.aborted || !response.writableEnded
  return !response.writableFinished
}

function isHttp2(response: NativeResponse): response is Http2ServerResponse {
  return 'stream' in response
}
