// A process that records jobs, and a worker that commits them; it records what was answered.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { connect, type Delivery, PenknifeError, record } from '@penknife/core'
import { Redis } from 'ioredis'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { sabotageScripts } from '../harness/sabotage.ts'
import {
  CHANNEL,
  commitJob,
  type Job,
  type MemberConfig,
  type MemberLife,
  MOST_ATTEMPTS,
  openObjects,
  SPACE,
} from './plan.ts'
import type { MemberRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as MemberConfig & MemberLife
// Twice, because a script has two copies of an item's code: of a batch, and of a call alone.
sabotageScripts(config.sabotage)
sabotageScripts(config.sabotage)
const journal = openJournal<MemberRecord>(config.folder, config.life)
const random = createRandom(config.seed + process.pid)
const penknife = connect(new Redis(config.url, { lazyConnect: true }), { deadline: 1000 })
const space = penknife.space(SPACE)
const objects = openObjects(space)
const { log, jobs, points, counts, news } = objects
const until = { closing: false }
let count = 0

function failed(what: string, error: unknown): void {
  if (!(error instanceof PenknifeError)) throw error
  journal.write({ k: 'failed', what, code: error.code })
}

/** Until it is known what became of it: its id makes the repetition harmless. */
async function surely(job: Job): Promise<void> {
  for (;;) {
    try {
      const answer = await record(
        space,
        { id: job.job },
        log.adding(job),
        jobs.adding(job),
        points.incrementing(job.member, job.points),
        counts.incrementing('recorded'),
        news.publishing(CHANNEL, job.job),
      )
      if (!answer.ok) throw new Error(JSON.stringify(answer.refused))
      const results = JSON.stringify(answer.results)
      journal.write({ k: 'recorded', job: job.job, repeated: answer.repeated, results })
      return
    } catch (error) {
      failed('record', error)
      await delay(50)
    }
  }
}

async function produce(): Promise<void> {
  while (!until.closing) {
    const all = Array.from({ length: random.int(1, 5) }, (): Job => ({
      job: `${config.life}-${count++}`,
      member: `m${random.int(0, 20)}`,
      points: random.int(-5, 20),
    }))
    for (const { job } of all) journal.write({ k: 'records', job })
    // Some are sent twice at once, some again later.
    await Promise.all([...all, ...all.filter(() => random.next() < 0.2)].map(surely))
    if (random.next() < 0.2) await Promise.all(all.map(surely))
    await delay(random.int(0, 20))
  }
}

async function handle(delivery: Delivery<Job>): Promise<void> {
  const { payload: job } = delivery
  if (random.next() < 0.1) throw new Error('fails before its commit')
  // Some take longer than a lease.
  if (random.next() < config.slow) await delay(random.int(0, 2 * config.leaseMs))
  const commit = (): Promise<void> =>
    commitJob(objects, delivery).then((answer) => {
      if (!answer.ok && !answer.lost) throw new Error(JSON.stringify(answer.refused))
      journal.write({ k: 'committed', job: job.job, done: answer.ok ? answer.done : 'lost' })
    })
  await commit()
  if (random.next() < 0.1) await commit()
  if (random.next() < 0.1) throw new Error('fails after its commit')
}

process.once('SIGTERM', () => {
  until.closing = true
  journal.write({ k: 'closing' })
  void Promise.all(loops)
    .then(() => penknife.close())
    .then(() => {
      journal.write({ k: 'closed' })
      process.exit(0)
    })
})
journal.write({ k: 'born' })
const worker = jobs.worker('work', handle, {
  lease: config.leaseMs,
  concurrency: 20,
  retryDelay: 20,
  maxAttempts: MOST_ATTEMPTS,
})
worker.on((event) => {
  if (event.kind === 'dead') throw new Error(`a job died: ${String(event.error)}`)
})
const loops = [1, 2].map(produce)
