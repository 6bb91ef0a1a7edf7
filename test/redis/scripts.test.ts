import { Cluster, type Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import type { Arg, Script, SharedArg } from '../../packages/core/src/redis/script.ts'
import * as generated from '../../packages/core/src/redis/scripts.gen.ts'
import { documentedCommands } from '../support/documented-user.ts'
import { patternOf, useCluster, useRedis } from '../support/redis.ts'
import { type Sample, SAMPLES } from '../support/samples.ts'
import { testScript } from '../support/scripts.ts'

type AnyScript = Script<readonly SharedArg[], readonly Arg[], unknown>

const scripts: readonly AnyScript[] = Object.values(generated)
const cases = scripts.flatMap((script) =>
  (SAMPLES[script.name] ?? []).map((sample, at) => ({
    name: `${script.name}, sample ${at + 1}`,
    script,
    sample,
  })),
)
const MISSING_SAMPLE = 'give it a sample for each type it replies with, in test/support/<feature>-samples.ts'

const TYPES: Readonly<Record<Sample['returns'], (reply: unknown) => boolean>> = {
  integer: Number.isSafeInteger,
  integers: (reply) => Array.isArray(reply) && reply.every(Number.isSafeInteger),
  string: (reply) => typeof reply === 'string',
  list: Array.isArray,
  null: (reply) => reply === null,
}

/** EVAL's arguments for a batch with the item `times` times. */
function evalOf(script: AnyScript, { item, shared = [] }: Sample, times: number = 1): Arg[] {
  const each = Array.from({ length: times }, () => item)
  const first = item.length - script.args.length
  const keys = each.flatMap((values) => values.slice(0, first))
  const args = each.flatMap((values) => values.slice(first))
  const own = sharedKeysOf(script, { shared })
  const values = (script.sharedKeys ? shared.slice(1) : shared) as Arg[]
  return [script.text, own.length + keys.length, ...own, ...keys, ...values, ...args]
}

function sharedKeysOf(script: AnyScript, { shared = [] }: Pick<Sample, 'shared'>): readonly string[] {
  return script.sharedKeys ? (shared[0] as readonly string[]) : []
}

async function prepare(cluster: Cluster, { before = [] }: Sample): Promise<void> {
  for (const [command, ...args] of before) await cluster.call(String(command), args)
}

/** Runs commands in one round trip. Returns the reply of the last one. */
async function runAll(raw: Redis, commands: readonly (readonly Arg[])[]): Promise<unknown> {
  const all = raw.pipeline()
  for (const [command, ...args] of commands) all.call(String(command), args)
  const replies = (await all.exec()) ?? []
  for (const [error] of replies) if (error) throw error
  return replies.at(-1)?.[1]
}

describe('every script', () => {
  test.each(scripts.map((script) => [script.name, script] as const))(
    '%s has a sample for each type of its reply',
    (name, script) => {
      const samples = SAMPLES[name] ?? []
      const types = new Set<string>(samples.map(({ returns }) => returns))
      expect([...types].toSorted(), MISSING_SAMPLE).toEqual(script.returns.split('|').toSorted())
      for (const { item, shared = [] } of samples) {
        const ownKeys = script.manyKeys && script.sharedKeys ? 0 : script.keys.length
        const least = ownKeys + script.args.length
        if (script.manyKeys) expect(item.length, MISSING_SAMPLE).toBeGreaterThanOrEqual(least)
        else expect(item, MISSING_SAMPLE).toHaveLength(least)
        expect(shared, MISSING_SAMPLE).toHaveLength(script.shared.length + (script.sharedKeys ? 1 : 0))
      }
    },
  )

  test('has a sample that is used: no sample is left over', () => {
    expect(Object.keys(SAMPLES).toSorted()).toEqual(scripts.map(({ name }) => name).toSorted())
  })
})

/** What a script names as the command of a call, in small letters; with its subcommand where it has one. */
function commandsOf(text: string): string[] {
  const called = [...text.matchAll(/\bp?call\(\s*'(\w+)'(?:, '([A-Z]+)')?/g)]
  // `call` may be redis.call under a shorter name. A call whose arguments are put together in a table first, or whose command is an argument.
  const built = [...text.matchAll(/= \{ '(X[A-Z]+)',/g)]
  const given = /redis\.call\(order/.test(text)
    ? [
        ['', 'XRANGE'],
        ['', 'XREVRANGE'],
      ]
    : []
  return [...called, ...built, ...given].map(([, command = '', sub]) =>
    /^(XINFO|XGROUP|MEMORY|PUBSUB)$/.test(command) && sub
      ? `${command}|${sub}`.toLowerCase()
      : command.toLowerCase(),
  )
}

/** Documented beside the list, because Redis 7.0 does not know it. */
const NEWER = new Set(['hpexpire'])

test.each(scripts.map((script) => [script.name, script] as const))(
  '%s calls nothing that the documented user may not call',
  (_, { text }) => {
    const allowed = new Set(documentedCommands())
    const commands = commandsOf(text)
    expect(commands.length).toBeGreaterThan(0)
    const missing = commands.filter(
      (command) =>
        !NEWER.has(command) && !allowed.has(`+${command}`) && !allowed.has(`+${command.split('|')[0]}`),
    )
    expect(missing, 'add it to the ACL in docs/operations.md').toEqual([])
  },
)

describe('run by the documented user, who may access only the keys of the call', () => {
  const bench = useRedis()

  /** Runs as that user, who may only read if the script is declared read-only. */
  async function runConfined(script: AnyScript, sample: Sample, times: number): Promise<unknown> {
    const readOnly = script.text.startsWith('#!lua flags=no-writes')
    const access = readOnly ? '%R~' : '~'
    const keys = [
      ...sharedKeysOf(script, sample),
      ...sample.item.slice(0, sample.item.length - script.args.length),
    ].map((key) => `${access}${String(key)}`)
    const channels = (sample.channels ?? []).map((channel) => `&${channel}`)
    const commands = [...documentedCommands(), '+eval_ro']
    const rights = ['reset', 'on', '>x', '-@all', ...commands, 'resetchannels', ...keys, ...channels]
    await runAll(bench.raw, [...(sample.before ?? []), ['ACL', 'SETUSER', 'confined', ...rights]])
    const user = patternOf('ioredis', bench.server.url, { username: 'confined', password: 'x' })
    try {
      return await user.call(readOnly ? 'eval_ro' : 'eval', evalOf(script, sample, times))
    } finally {
      user.disconnect()
    }
  }

  test.each(cases)('$name: works, and replies with the type in its header', async ({ script, sample }) => {
    const reply = await runConfined(script, sample, 1)
    expect(reply, `not of type ${sample.returns}`).toSatisfy(TYPES[sample.returns])
  })

  test.each(cases)('$name: twice in one batch gives two replies', async ({ script, sample }) => {
    const replies = (await runConfined(script, sample, 2)) as unknown[]
    expect(replies).toHaveLength(2)
    expect(replies.filter((reply) => reply instanceof Error)).toEqual([])
  })

  test('a script that touches another key is caught', async () => {
    const source = `--- Strays.
-- @batch 1
-- @item key mine    a string
-- @returns integer  nothing of use
local function item(mine)
  return redis.call('DEL', mine .. ':other')
end
`
    const stray = testScript('test/stray', source)
    const refused = runConfined(stray, { returns: 'integer', item: ['k'] }, 1)
    await expect(refused).rejects.toThrow(/script can't access|No permissions to access a key/)
  })

  test('a script that publishes on another channel is caught', async () => {
    const nudge = scripts.find(({ name }) => name === 'notifier/nudge') as AnyScript
    const [sample] = SAMPLES['notifier/nudge'] as [Sample]
    const refused = runConfined(nudge, { ...sample, channels: ['another'] }, 1)
    await expect(refused).rejects.toThrow(/script can't publish|No permissions to access a channel/)
  })
})

/** The `@full` of its header. */
function runsWhenFull({ text }: AnyScript): boolean {
  return text.startsWith('#!lua flags=')
}

describe('on a server whose memory is full', () => {
  const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })
  afterEach(() => bench.raw.config('SET', 'maxmemory', 0))

  test.each(cases)('$name: runs or is refused as a whole, as its header says', async ({ script, sample }) => {
    const full = ['CONFIG', 'SET', 'maxmemory', 1]
    const before = await runAll(bench.raw, [...(sample.before ?? []), full, ['DEBUG', 'DIGEST']])
    const reply = bench.raw.call('eval', evalOf(script, sample, 2))
    if (runsWhenFull(script)) {
      const replies = (await reply) as unknown[]
      expect(replies.filter((each) => each instanceof Error)).toEqual([])
    } else {
      await expect(reply).rejects.toThrow(/OOM/)
      expect(await bench.raw.call('DEBUG', 'DIGEST')).toBe(before)
    }
  })
})

describe('where a key has another type', () => {
  const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })

  /** Keys of the sample, each once. */
  function keysOf(script: AnyScript, sample: Sample): string[] {
    const own = sample.item.slice(0, sample.item.length - script.args.length)
    return [...new Set([...sharedKeysOf(script, sample), ...own.map(String)])]
  }

  test.each(cases)('$name: a call that fails wrote nothing', async ({ script, sample }) => {
    const [text, ...args] = evalOf(script, sample)
    const sha = String(await bench.raw.script('LOAD', String(text)))
    for (const key of keysOf(script, sample)) {
      for (const spoil of [
        ['SET', key, 'x'],
        ['RPUSH', key, 'x'],
      ]) {
        const commands = [['FLUSHALL'], ...(sample.before ?? []), ['DEL', key], spoil, ['DEBUG', 'DIGEST']]
        const before = await runAll(bench.raw, commands)
        const error = await bench.raw.call('evalsha', [sha, ...args]).then(
          () => undefined,
          (reason: Error) => reason,
        )
        if (error === undefined) continue
        const after = await bench.raw.call('DEBUG', 'DIGEST')
        expect(after, `wrote, though ${key} is a ${spoil[0]}`).toBe(before)
        // Returned, not raised, so that its caller knows that nothing was done.
        const returns = /^(stream|leaderboard)\//.test(script.name)
        const writes = !script.text.startsWith('#!lua flags=no-writes')
        if (returns && writes) expect(error.message).not.toMatch(/user_script/)
      }
    }
  })
})

describe('where the user may not run one of its commands', () => {
  const bench = useRedis({ args: ['--enable-debug-command', 'yes'] })
  let user: Redis
  beforeAll(async () => {
    await bench.raw.call('ACL', 'SETUSER', 'refused', 'on', '>x', '~*', '&*', '+@all')
    user = patternOf('ioredis', bench.server.url, { username: 'refused', password: 'x' })
  })
  afterAll(() => user.disconnect())

  test.each(cases)('$name: fails as not done only where it wrote nothing', async ({ script, sample }) => {
    const [text, ...args] = evalOf(script, sample)
    const sha = String(await bench.raw.script('LOAD', String(text)))
    for (const command of new Set(commandsOf(script.text))) {
      if (NEWER.has(command)) {
        const [known] = (await bench.raw.call('COMMAND', 'INFO', command)) as readonly unknown[]
        if (known === null) continue
      }
      const before = await runAll(bench.raw, [
        ['FLUSHALL'],
        ...(sample.before ?? []),
        ['ACL', 'SETUSER', 'refused', '+@all', `-${command}`],
        ['DEBUG', 'DIGEST'],
      ])
      const ended = await user.call('evalsha', [sha, ...args]).catch((error: Error) => error)
      // After an error that a script raises its fate is unknown, and the client reports that.
      if (!(ended instanceof Error) || /user_script/.test(ended.message)) continue
      expect(await bench.raw.call('DEBUG', 'DIGEST'), `wrote, without the right to ${command}`).toBe(before)
    }
  })
})

describe('on a cluster', () => {
  const bench = useCluster()
  let client: Cluster
  beforeAll(() => {
    client = new Cluster([...bench.cluster.startupNodes])
  })
  afterAll(() => client.disconnect())

  test.each(cases)('$name: its keys fall in one slot', async ({ script, sample }) => {
    await prepare(client, sample)
    const reply = await client.call('eval', evalOf(script, sample))
    expect(reply).toSatisfy(TYPES[sample.returns])
  })
})
