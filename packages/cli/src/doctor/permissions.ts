import { type Cluster, Redis } from 'ioredis'

/** A key that does not exist: in the slot of the list of spaces. */
const KEY = 'pk1:{/}:doctor'

/** Commands inside of a script that change nothing on a key that does not exist. */
const IN_SCRIPT: readonly (readonly [string, ...string[]])[] = [
  ['GET', KEY],
  ['MGET', KEY],
  ['SET', KEY, '1', 'XX'],
  ['EXISTS', KEY],
  ['TYPE', KEY],
  ['DEL', KEY],
  ['UNLINK', KEY],
  ['PEXPIRE', KEY, '1'],
  ['PTTL', KEY],
  ['PERSIST', KEY],
  ['TIME'],
  ['XADD', KEY, 'NOMKSTREAM', '*', 'a', 'b'],
  ['XLEN', KEY],
  ['XRANGE', KEY, '-', '+'],
  ['XREVRANGE', KEY, '+', '-'],
  ['XDEL', KEY, '1-1'],
  ['XTRIM', KEY, 'MAXLEN', '1'],
  ['XACK', KEY, 'a', '1-1'],
  ['XPENDING', KEY, 'a'],
  ['XCLAIM', KEY, 'a', 'b', '1', '1-1'],
  ['XAUTOCLAIM', KEY, 'a', 'b', '1', '0'],
  ['XINFO', 'STREAM', KEY],
  ['XGROUP', 'DESTROY', KEY, 'a'],
  ['ZADD', KEY, 'XX', '1', 'a'],
  ['ZREM', KEY, 'a'],
  ['ZRANGE', KEY, '0', '-1'],
  ['ZSCORE', KEY, 'a'],
  ['ZCARD', KEY],
  ['ZCOUNT', KEY, '0', '1'],
  ['ZREMRANGEBYSCORE', KEY, '0', '1'],
  ['HGET', KEY, 'a'],
  ['HMGET', KEY, 'a'],
  ['HDEL', KEY, 'a'],
  ['HLEN', KEY],
  ['SPUBLISH', 'pk1:{/}:doctor', ''],
]

/** The names of the commands that are tried. */
export const COMMANDS: readonly string[] = [...IN_SCRIPT.map(([name]) => name), 'EVAL', 'SSUBSCRIBE']

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

/** Names of commands that the user may not run. It tries them where they change nothing. */
export async function refusedCommands(raw: Redis | Cluster): Promise<readonly string[]> {
  const lines = IN_SCRIPT.map((words) => words.join(' ')).join('\n')
  let inScript: readonly string[]
  try {
    const replies = (await raw.call('EVAL', SCRIPT, '1', KEY, lines)) as readonly string[]
    inScript = IN_SCRIPT.flatMap(([name], at) => (isRefusal(replies[at] ?? '') ? [name] : []))
  } catch (error) {
    if (!isRefusal(messageOf(error))) throw error
    inScript = ['EVAL']
  }
  return [...new Set([...inScript, ...(await refusedSubscription(raw))])]
}

async function refusedSubscription(raw: Redis | Cluster): Promise<readonly string[]> {
  const subscriber = raw instanceof Redis ? raw.duplicate() : raw.duplicate([])
  subscriber.on('error', () => {})
  try {
    await subscriber.ssubscribe(`${KEY}:live`)
    return []
  } catch (error) {
    if (!isRefusal(messageOf(error))) throw error
    return ['SSUBSCRIBE']
  } finally {
    subscriber.disconnect()
  }
}

/** NOPERM, an unknown command, or the text that scripts get for either. */
function isRefusal(message: string): boolean {
  return /NOPERM|no permissions|can't run this command|unknown (redis )?command/i.test(message)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
