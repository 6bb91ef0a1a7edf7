import type { Client } from './client.ts'

/**
 * Calls `missed` when the server ends a subscription because the slot moved away, while node-redis waits for a reply.
 * node-redis takes that message for the reply. Without a pending reply it emits `sharded-channel-moved` itself.
 */
export function watchMoves(
  client: Client,
  isExpected: (channel: string) => boolean,
  missed: () => void,
): void {
  // oxlint-disable-next-line no-underscore-dangle -- nothing else shows what the server says
  const { decoder } = client._getQueue()
  let onReply = decoder.onReply
  const watching = (reply: unknown): void => {
    if (isLeft(reply) && !isExpected(String(reply[1]))) missed()
    else onReply(reply)
  }
  // node-redis replaces it when the first channel is followed.
  Object.defineProperty(decoder, 'onReply', {
    get: () => watching,
    set(next: typeof onReply) {
      onReply = next
    },
  })
}

function isLeft(reply: unknown): reply is readonly unknown[] {
  return Array.isArray(reply) && String(reply[0]) === 'sunsubscribe'
}
