// A process that adds its share of the entries at a given rate and records the result of each add.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { PenknifeError, type StreamAddOptions, type Stream } from '@penknife/core'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { openStreams } from './open.ts'
import { intentOf, keyOf, payloadOf, streamOf, type Life, type Payload, type ProducerConfig } from './plan.ts'
import type { ProducerRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as Life & ProducerConfig
const { seed, entries, nth, producers, perSecond } = config
const journal = openJournal<ProducerRecord>(config.folder, config.life)
const { penknife, streams } = openStreams(config)
const random = createRandom(seed + nth)

/** Most adds at the same time. */
const IN_FLIGHT = 200

const numbers = function* (): Generator<number> {
  for (let n = nth; n < entries; n += producers) yield n
}

async function add(n: number): Promise<void> {
  const stream = streams.get(streamOf(n).name) as Stream<Payload>
  const { keyed, delayMs, priority } = intentOf(seed, n)
  const options: StreamAddOptions = {
    ...(keyed ? { id: `id-${n}` } : {}),
    ...(delayMs > 0 ? { delay: delayMs } : {}),
    ...(streamOf(n).ordered ? { key: keyOf(n) } : {}),
    ...(streamOf(n).priorities ? { priority } : {}),
  }
  const payload = payloadOf(seed, n)
  let again = keyed && random.next() < 0.3
  for (;;) {
    journal.write({ k: 'add', n })
    try {
      const id = await stream.add(payload, options)
      journal.write({ k: 'added', n, id })
      if (!again) return
      again = false
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
      journal.write({ k: 'failed add', n, fate: error.fate, code: error.code })
      // Without an id a repetition could add the entry twice, unless the fate is not-done.
      if (error.fate === 'unknown' && !keyed) return
      await delay(50)
    }
  }
}

/** Adds several entries of a priority with ids in one call, and repeats the call until all are confirmed. */
async function addMany(all: readonly number[]): Promise<void> {
  const { name, ordered, priorities } = streamOf(all[0] as number)
  const stream = streams.get(name) as Stream<Payload>
  const { priority } = intentOf(seed, all[0] as number)
  for (;;) {
    for (const n of all) journal.write({ k: 'add', n })
    try {
      const ids = await stream.addMany(
        all.map((n) => payloadOf(seed, n)),
        {
          id: ({ n }) => `id-${n}`,
          ...(ordered ? { key: ({ n }) => keyOf(n) } : {}),
          ...(priorities ? { priority } : {}),
        },
      )
      for (const [at, n] of all.entries()) journal.write({ k: 'added', n, id: ids[at] as string })
      return
    } catch (error) {
      if (!(error instanceof PenknifeError)) throw error
      for (const n of all) journal.write({ k: 'failed add', n, fate: 'unknown', code: error.code })
      await delay(50)
    }
  }
}

const started = performance.now()
let taken = 0
const source = numbers()
const gathered = new Map<string, number[]>()

async function addRepeatedly(): Promise<void> {
  for (const n of source) {
    taken += 1
    const early = (taken / perSecond) * 1000 - (performance.now() - started)
    if (early > 1) await delay(early)
    const { keyed, delayMs, priority } = intentOf(seed, n)
    if (!keyed || delayMs > 0 || n % 3 > 0) {
      await add(n)
      continue
    }
    const name = `${streamOf(n).name} ${priority}`
    const batch = [...(gathered.get(name) ?? []), n]
    gathered.set(name, batch.length < 10 ? batch : [])
    if (batch.length === 10) await addMany(batch)
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, addRepeatedly))
for (const batch of gathered.values()) if (batch.length > 0) await addMany(batch)
journal.write({ k: 'all added' })
await penknife.close()
