import { readdir, readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

/** Modules that remember something for the whole process, and why. */
const KNOWN: Readonly<Record<string, string>> = {
  'core/src/calendar.ts': 'formats of time zones: a cache of what never changes',
  'core/src/guard/fenced-write.ts': 'bound scripts of a runtime, which go with it',
  'core/src/leaderboard/board-parts.ts':
    'what functions over several boards need of each, which goes with it',
  'core/src/leaderboard/ranks-on.ts': 'bound scripts of a list of boards, which go with it',
  'core/src/metrics/registry.ts': 'the metrics of a registry, which go with it',
  'core/src/record/comparable.ts': 'what rebuild needs of an object, which goes with that object',
  'core/src/record/takings.ts': 'how workers take tokens of a limiter, which goes with that limiter',
  'core/src/redis/changes.ts': 'how an object of a feature is followed, which goes with that object',
  'core/src/redis/ioredis/direct.ts':
    'classes made for those of the given client library, which go with them',
  'core/src/stream/batch-writer.ts': 'what writes the batches of a stream, which goes with that stream',
  'core/src/tracing/tracing.ts': 'whether tracing is on, because its channels are of the process',
  'express/src/route.ts': 'caches by router and layer, which go with these',
  'http/src/plugin.ts': 'the parts of a middleware for other frameworks, which go with that middleware',
  'http/src/request-log/request-id.ts': 'the number of the last request id, unique in the process',
  'http/src/request-log/stream.ts': 'the stream below a request log, which goes with that log',
  'http/src/sockets/server.ts': 'the paths that sockets serve on a server, which go with that server',
  'http/src/warn.ts': 'warnings are of the process, and each is promised once in it',
  'testing/src/server/find.ts': 'the server that was found, because a search takes as long as a start of it',
  'testing/src/server/ports.ts':
    'the port that is tried next, so that a port of the process is not given out soon again',
}

const PACKAGES = new URL('../../packages/', import.meta.url)

/** A variable, or a collection that begins empty, at the top level of a module. */
const STATE =
  /^(?:export )?(?:let \w|const \w+(?::[^=]+)? = (?:new (?:Weak)?(?:Map|Set)(?:<.*>)?\(\)|\[\]$))/gm

async function modulesWithState(): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir(PACKAGES)) {
    const paths = await readdir(new URL(`${name}/src/`, PACKAGES), { recursive: true })
    for (const path of paths.filter((each) => each.endsWith('.ts') && !/\.(gen|test)\.ts$/.test(each))) {
      const text = await readFile(new URL(`${name}/src/${path}`, PACKAGES), 'utf8')
      const states = text.match(STATE) ?? []
      if (states.some((state) => !/: (?:readonly|Readonly)/.test(state))) found.push(`${name}/src/${path}`)
    }
  }
  return found.toSorted()
}

test('no module keeps state for the whole process, but those that say why', async () => {
  expect(await modulesWithState()).toEqual(Object.keys(KNOWN).toSorted())
})
