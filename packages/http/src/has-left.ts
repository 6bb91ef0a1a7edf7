import { isGone } from './exchange/ending.ts'
import type { Exchange, NativeRequest } from './exchange/exchange.ts'

/** Whether the client left, so that its address may not be known any more and nobody waits for an answer. */
export function hasLeft({ request, response }: Exchange): boolean {
  return isGone(response) || isReset(request)
}

/**
 * Whether the connection was reset as soon as the request was sent: Node sees its end only after the request was handed
 * out, but the other end's address is gone by then. (A unix socket has no address at either end.)
 */
function isReset({ socket }: NativeRequest): boolean {
  return socket?.remoteAddress === undefined && socket?.localAddress !== undefined
}
