import type { Redis } from 'ioredis'
import { beforeAll, describe, expect, test } from 'vitest'

import type { Arg } from '../../packages/core/src/redis/script.ts'
import * as generated from '../../packages/core/src/redis/scripts.gen.ts'
import { documentedCommands } from '../support/documented-user.ts'
import { useCluster } from '../support/redis.ts'
import { type Sample, SAMPLES } from '../support/samples.ts'
import { type AnyScript, DIGESTS, evalArgs, keysOf, merged, SCRIPT_CASES } from '../support/script-calls.ts'
import { testScript } from '../support/scripts.ts'

const scripts: readonly AnyScript[] = Object.values(generated)
const MISSING_SAMPLE = 'give it a sample for each type it replies with, in test/support/<feature>-samples.ts'

const TYPES: Readonly<Record<Sample['returns'], (reply: unknown) => boolean>> = {
  integer: Number.isSafeInteger,
  integers: (reply) => Array.isArray(reply) && reply.every(Number.isSafeInteger),
  string: (reply) => typeof reply === 'string',
  list: Array.isArray,
  null: (reply) => reply === null,
}

// A server of a cluster refuses a script whose keys are in several slots.
const bench = useCluster({ masters: 1 })
// Redis compiles a script in 2 ms.
beforeAll(async () => void (await run(scripts.map(({ text }) => ['SCRIPT', 'LOAD', text]))))

type Command = readonly Arg[]

/** Runs commands in one round trip. Returns the reply of each; of an EVALSHA also its error. */
async function run(commands: readonly Command[]): Promise<readonly unknown[]> {
  const all = (bench.raws[0] as Redis).pipeline()
  for (const [command, ...args] of commands) all.call(String(command), args)
  const replies = (await all.exec()) ?? []
  return replies.map(([error, reply], at) => {
    if (error && !String(commands[at]?.[0]).startsWith('EVALSHA')) throw error
    return error ?? reply
  })
}

/** Runs sequences of commands in one round trip. Returns the replies of each sequence. */
async function runEach(sequences: readonly (readonly Command[])[]): Promise<readonly (readonly unknown[])[]> {
  const replies = [...(await run(sequences.flat()))]
  return sequences.map(({ length }) => replies.splice(0, length))
}

function readsOnly({ text }: AnyScript): boolean {
  return text.startsWith('#!lua flags=no-writes')
}

function call(script: AnyScript, sample: Sample, times: number = 1): Command {
  return [readsOnly(script) ? 'EVALSHA_RO' : 'EVALSHA', script.sha, ...evalArgs(script, sample, times)]
}

/** Replies of DIGESTS, to compare. */
function sorted(digests: unknown): readonly string[] {
  return (digests as readonly string[]).toSorted()
}

/** The call by a user, on an empty server with the keys of the sample. */
function callAs(user: string, script: AnyScript, sample: Sample, times: number = 1): readonly Command[] {
  return [
    ...merged([['FLUSHALL'], ...(sample.before ?? [])]),
    ['AUTH', user, 'x'],
    call(script, sample, times),
    ['AUTH', 'default', 'x'],
  ]
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
  /** The replies of each batch, which has the item `times` times. The user may only read if the script is declared read-only. */
  async function runConfined(
    script: AnyScript,
    sample: Sample,
    ...batches: readonly number[]
  ): Promise<readonly unknown[]> {
    const access = readsOnly(script) ? '%R~' : '~'
    const keys = keysOf(script, sample).map((key) => `${access}${key}`)
    const channels = (sample.channels ?? []).map((channel) => `&${channel}`)
    const commands = [...documentedCommands(), '+evalsha_ro']
    const rights = ['reset', 'on', '>x', '-@all', ...commands, 'resetchannels', ...keys, ...channels]
    const calls = batches.map((times) => callAs('confined', script, sample, times))
    const [, ...replies] = await runEach([[['ACL', 'SETUSER', 'confined', ...rights]], ...calls])
    return replies.map((each) => each.at(-2))
  }

  test.each(SCRIPT_CASES)(
    '$name: works, replies with the type in its header, and twice in one batch with two',
    async ({ script, sample }) => {
      const [reply, replies] = await runConfined(script, sample, 1, 2)
      expect(reply, `not of type ${sample.returns}`).toSatisfy(TYPES[sample.returns])
      expect(replies).toHaveLength(2)
      expect((replies as unknown[]).filter((each) => each instanceof Error)).toEqual([])
    },
  )

  test('a script that touches another key is caught', async () => {
    const source = `--- Strays.
-- @batch 1
-- @item key mine    a string
-- @returns integer  nothing of use
local function item(mine)
  return redis.call('DEL', mine .. ':other')
end
`
    const stray: AnyScript = testScript('test/stray', source)
    await run([['SCRIPT', 'LOAD', stray.text]])
    const [refused] = await runConfined(stray, { returns: 'integer', item: ['k'] }, 1)
    expect(String(refused)).toMatch(
      /script can't access|No permissions to access a key|another slot|non local/,
    )
  })

  test('a script that publishes on another channel is caught', async () => {
    const nudge = scripts.find(({ name }) => name === 'notifier/nudge') as AnyScript
    const [sample] = SAMPLES['notifier/nudge'] as [Sample]
    const [refused] = await runConfined(nudge, { ...sample, channels: ['another'] }, 1)
    expect(String(refused)).toMatch(/script can't publish|No permissions to access a channel/)
  })

  test('a call whose keys are in several slots is caught', async () => {
    const { script, sample } = SCRIPT_CASES.find(
      ({ script: { keys, sharedKeys } }) => keys.length > 1 && !sharedKeys,
    )!
    const refused = await run(
      callAs('default', script, { ...sample, item: ['elsewhere', ...sample.item.slice(1)] }),
    )
    expect(String(refused.at(-2))).toMatch(/CROSSSLOT/)
  })
})

/** The `@full` of its header. */
function runsWhenFull({ text }: AnyScript): boolean {
  return text.startsWith('#!lua flags=')
}

describe('on a server whose memory is full', () => {
  test.each(SCRIPT_CASES)(
    '$name: runs or is refused as a whole, as its header says',
    async ({ script, sample }) => {
      const { before = [] } = sample
      const replies = await run([
        ...merged(before),
        DIGESTS,
        ['CONFIG', 'SET', 'maxmemory', 1],
        call(script, sample, 2),
        ['CONFIG', 'SET', 'maxmemory', 0],
        DIGESTS,
      ])
      const [digests, , reply, , after] = replies.slice(-5)
      if (runsWhenFull(script)) {
        expect(reply).toHaveLength(2)
        expect((reply as unknown[]).filter((each) => each instanceof Error)).toEqual([])
      } else {
        expect(String(reply)).toMatch(/OOM/)
        expect(sorted(after)).toEqual(sorted(digests))
      }
    },
  )
})

describe('where a key has another type', () => {
  test.each(SCRIPT_CASES)('$name: a call that fails wrote nothing', async ({ script, sample }) => {
    const { before = [] } = sample
    const spoils = keysOf(script, sample).flatMap((key) => [
      ['SET', key, 'x'],
      ['RPUSH', key, 'x'],
    ])
    const runs = await runEach(
      spoils.map((spoil) => [
        ...merged([['FLUSHALL'], ...before, ['DEL', spoil[1]!], spoil]),
        DIGESTS,
        call(script, sample),
        DIGESTS,
      ]),
    )
    for (const [at, replies] of runs.entries()) {
      const [digests, error, after] = replies.slice(-3)
      if (!(error instanceof Error)) continue
      const [type, key] = spoils[at]!
      expect(sorted(after), `wrote, though ${key} is a ${type}`).toEqual(sorted(digests))
      // Returned, not raised, so that its caller knows that nothing was done.
      const returns = /^(stream|leaderboard)\//.test(script.name)
      if (returns && !readsOnly(script)) expect(error.message).not.toMatch(/user_script/)
    }
  })
})

describe('where the user may not run one of its commands', () => {
  const all = new Set(scripts.flatMap(({ text }) => commandsOf(text)))
  const unknown = new Set<string>()
  beforeAll(async () => {
    const known = await run([...NEWER].map((command) => ['COMMAND', 'INFO', command]))
    for (const [at, command] of [...NEWER].entries())
      if ((known[at] as readonly unknown[])[0] === null) unknown.add(command)
    const users = [...all].filter((command) => !unknown.has(command))
    await run(
      users.map((each) => ['ACL', 'SETUSER', `no-${each}`, 'on', '>x', '~*', '&*', '+@all', `-${each}`]),
    )
  })

  test.each(SCRIPT_CASES)(
    '$name: fails as not done only where it wrote nothing',
    async ({ script, sample }) => {
      const { before = [] } = sample
      const prepared = merged([['FLUSHALL'], ...before])
      const stats = await run([
        ...prepared,
        ['CONFIG', 'RESETSTAT'],
        call(script, sample),
        ['INFO', 'commandstats'],
      ])
      const called = new Set(
        [...String(stats.at(-1)).matchAll(/cmdstat_(\w+)(?:\|\w+)?:/g)].map(([, command]) => command),
      )
      // Without the right to a command that it does not call, the call is the same.
      const commands = [...new Set(commandsOf(script.text))].filter(
        (command) => !unknown.has(command) && called.has(command.split('|')[0]),
      )
      const runs = await runEach(
        commands.map((command) => [
          ...prepared,
          DIGESTS,
          ['AUTH', `no-${command}`, 'x'],
          call(script, sample),
          ['AUTH', 'default', 'x'],
          DIGESTS,
        ]),
      )
      for (const [at, replies] of runs.entries()) {
        const [digests, , ended, , after] = replies.slice(-5)
        // After an error that a script raises its fate is unknown, and the client reports that.
        if (!(ended instanceof Error) || /user_script/.test(ended.message)) continue
        expect(sorted(after), `wrote, without the right to ${commands[at]}`).toEqual(sorted(digests))
      }
    },
  )
})
