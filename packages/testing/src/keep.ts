import type { Upstream } from './upstream.ts'

/** The pub/sub channel of a notifier's channel; before `:live` it is the key of the history. */
const HISTORY = /^(.*:notify:[^:]+:.*):live(?:@\d+)?$/

const LENGTHEN = `for _, key in ipairs(KEYS) do
  local ends = redis.call('PEXPIRETIME', key)
  if ends >= 1e14 then redis.call('PEXPIREAT', key, string.format('%.0f', ends + ARGV[1])) end
end`

/** Lets histories that somebody follows live through a skipped time: followers would have renewed their times to live. */
export async function keepFollowed(
  upstream: Upstream,
  channels: readonly string[],
  byMs: number,
): Promise<void> {
  const keys = channels.flatMap((channel) => HISTORY.exec(channel)?.[1] ?? [])
  if (keys.length > 0) await upstream.send(['EVAL', LENGTHEN, String(keys.length), ...keys, String(byMs)])
}
