import type { Client } from './client.ts'

/**
 * Calls `missed` when the server says that a channel is no longer followed, since its slot moved away, while node-redis waits for a reply:
 * it would take that for the reply. When it waits for nothing it says so itself, by `sharded-channel-moved`.
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
  // node-redis sets it anew when the first channel is followed.
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
