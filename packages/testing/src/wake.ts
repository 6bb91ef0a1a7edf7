import { monotonicMs, poll } from './poll.ts'
import type { Upstream } from './upstream.ts'

/** The channel that makes a group's workers check the group, and the keys beside it. */
const LOOK = /^(.*:stream:[^:]+):paused:([^:]+):live(?:@\d+)?$/

/** A worker of another process may be too busy to look. */
const LOOKED_MS = 2000

const DUE = `local due = 0
for at = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[at]) == 0 then due = due + redis.call('ZCOUNT', KEYS[at + 1], '-inf', ARGV[1]) end
end
return due`

/** Has workers look after their groups, and waits until they took up what is due by the clock; at most two seconds. */
export async function wakeWorkers(
  upstream: Upstream,
  channels: readonly string[],
  nowMs: number,
): Promise<void> {
  const groups = channels.flatMap((channel) => {
    const [, stream, group] = LOOK.exec(channel) ?? []
    return stream === undefined
      ? []
      : [{ channel, keys: [`${stream}:paused:${group}`, `${stream}:delayed:${group}`] }]
  })
  if (groups.length === 0) return
  await upstream.send(...groups.map(({ channel }) => ['SPUBLISH', channel, '']))
  const keys = groups.flatMap((group) => group.keys)
  const until = monotonicMs() + LOOKED_MS
  await poll(2 * LOOKED_MS, async () => {
    const due = await upstream.send(['EVAL', DUE, String(keys.length), ...keys, String(nowMs)])
    return due === 0 || monotonicMs() > until ? undefined : 'workers did not look'
  })
}
