import { type Cluster, Redis } from 'ioredis'

/** Stands for a key that does not exist, in the slot of the list of spaces. */
const KEY = '@'

/** Commands inside of a script that change nothing on a key that does not exist. */
const IN_SCRIPT: readonly string[] = [
  `GET ${KEY}`,
  `MGET ${KEY}`,
  `SET ${KEY} 1 XX`,
  `EXISTS ${KEY}`,
  `TYPE ${KEY}`,
  `DEL ${KEY}`,
  `UNLINK ${KEY}`,
  `PEXPIRE ${KEY} 1`,
  `PTTL ${KEY}`,
  `PERSIST ${KEY}`,
  'TIME',
  `XADD ${KEY} NOMKSTREAM * a b`,
  `XLEN ${KEY}`,
  `XRANGE ${KEY} - +`,
  `XREVRANGE ${KEY} + -`,
  `XDEL ${KEY} 1-1`,
  `XTRIM ${KEY} MAXLEN 1`,
  `XACK ${KEY} a 1-1`,
  `XPENDING ${KEY} a`,
  `XCLAIM ${KEY} a b 1 1-1`,
  `XAUTOCLAIM ${KEY} a b 1 0`,
  `XINFO STREAM ${KEY}`,
  `XGROUP DESTROY ${KEY} a`,
  `ZADD ${KEY} XX 1 a`,
  `ZREM ${KEY} a`,
  `ZRANGE ${KEY} 0 -1`,
  `ZSCORE ${KEY} a`,
  `ZCARD ${KEY}`,
  `ZCOUNT ${KEY} 0 1`,
  `ZREMRANGEBYSCORE ${KEY} 0 1`,
  `HGET ${KEY} a`,
  `HMGET ${KEY} a`,
  `HDEL ${KEY} a`,
  `HLEN ${KEY}`,
  `SPUBLISH ${KEY}:live x`,
]

const nameOf = (line: string): string => line.slice(0, line.indexOf(' ') >>> 0)

/** The names of the commands that are tried. */
export const COMMANDS: readonly string[] = [...IN_SCRIPT.map(nameOf), 'EVAL', 'SSUBSCRIBE']

const SCRIPT = `#!lua
local reply = {}
for line in string.gmatch(ARGV[1], '[^\\n]+') do
  local words = {}
  for word in string.gmatch(line .. ' ', '([^ ]*) ') do
    words[#words + 1] = word
  end
  local result = redis.pcall(unpack(words))
  reply[#reply + 1] = type(result) == 'table' and result.err or ''
end
return reply`

/** Names of commands that the user may not run. It tries them where they change nothing. `prefix` is the application's keyPrefix. */
export async function refusedCommands(raw: Redis | Cluster, prefix: string): Promise<readonly string[]> {
  const key = `${prefix}pk1:{/}:doctor`
  const lines = IN_SCRIPT.map((line) => line.replace(KEY, key)).join('\n')
  let inScript: readonly string[]
  try {
    // The client puts the prefix before the key itself.
    const replies = (await raw.eval(SCRIPT, 1, 'pk1:{/}:doctor', lines)) as readonly string[]
    inScript = IN_SCRIPT.filter((_, at) => isRefusal(replies[at] ?? '')).map(nameOf)
  } catch (error) {
    if (!isRefusal(messageOf(error))) throw error
    inScript = ['EVAL']
  }
  return [...new Set([...inScript, ...(await refusedSubscription(raw, `${key}:live`))])]
}

async function refusedSubscription(raw: Redis | Cluster, channel: string): Promise<readonly string[]> {
  const subscriber = raw instanceof Redis ? raw.duplicate() : raw.nodes('master')[0]?.duplicate()
  if (!subscriber) return []
  subscriber.on('error', () => {})
  try {
    await subscriber.ssubscribe(channel)
    return []
  } catch (error) {
    const message = messageOf(error)
    // Redis checks permissions before it redirects.
    if (message.startsWith('MOVED ')) return []
    if (!isRefusal(message)) throw error
    return ['SSUBSCRIBE']
  } finally {
    subscriber.disconnect()
  }
}

/** NOPERM, an unknown command, or the texts that scripts get for a command, key or channel that the user may not use. */
function isRefusal(message: string): boolean {
  return /NOPERM|no permissions|can't (run|access)|unknown (redis )?command/i.test(message)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
