// A process with a worker for each of its groups, or with two that share connections. It records the start and end of each handler and the
// workers' events, in a journal for each group: `<life> <stream>-<group>`.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import {
  createRateLimiter,
  createStream,
  type Delivery,
  NeverRetryError,
  type StandardSchema,
  type Worker,
  type WorkerLimitOptions,
} from '@penknife/core'

import { type Journal, openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { limitOf, type LimitPlan, subjectOf } from './limits.ts'
import { keptBy, openStreams } from './open.ts'
import {
  checkOf,
  intentOf,
  SPACE,
  STREAMS,
  type Life,
  type Payload,
  type StreamPlan,
  type WorkerConfig,
  type WorkerRole,
} from './plan.ts'
import { recordOf, type WorkerRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as Life & WorkerConfig
const { seed, settings } = config
const random = createRandom(seed + process.pid)

/** Refuses the invalid payloads that the producers, which have no schema, add on purpose. */
const schema: StandardSchema<Payload, Payload> = {
  '~standard': {
    version: 1,
    vendor: 'chaos',
    validate: (value) =>
      (value as Payload).invalid ? { issues: [{ message: 'not for workers' }] } : { value: value as Payload },
  },
}

// Shorter than a lease, so that the first token of an entry is taken without asking for its lease.
const { penknife } = openStreams(config, settings.leaseMs / 2)

interface Playing {
  readonly journal: Journal<WorkerRecord>
  readonly workers: readonly Worker[]
}

function play(role: WorkerRole): Playing {
  const { group, batch, shared } = role
  const journal = openJournal<WorkerRecord>(config.folder, `${config.life} ${role.stream}-${group}`)
  journal.write({ k: 'born', stream: role.stream, group })
  const plan = STREAMS.find(({ name }) => name === role.stream) as StreamPlan
  const stream = createStream<Payload, Payload>(penknife.space(SPACE), plan.name, { schema, ...keptBy(plan) })

  async function handle(delivery: Delivery<Payload>): Promise<void> {
    const { id, attempt: a, fence: f, payload, signal } = delivery
    const { n } = payload
    journal.write({ k: 'start', id, a, f, n, intact: payload.check === checkOf(seed, n) })
    const ended = (ok: boolean): void => journal.write({ k: 'end', id, a, f, ok })
    const { manner, failures } = intentOf(seed, n)
    if (manner === 'slow') await delay(settings.leaseMs * (1 + random.next()))
    else if (random.next() < 0.3) await delay(random.int(0, 20))
    const hangs = manner === 'hanging' && a === 1 && !batch
    if (hangs) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    const fails = hangs || manner === 'poison' || a <= failures
    ended(!fails && manner !== 'never')
    if (manner === 'never') throw new NeverRetryError('never again')
    if (fails) throw new Error(`fails at attempt ${a}`)
  }

  async function handleAll(deliveries: readonly Delivery<Payload>[]): Promise<unknown> {
    return Promise.all(deliveries.map((delivery) => handle(delivery).catch((error: unknown) => error)))
  }

  function limitWith({ rule, place }: LimitPlan): WorkerLimitOptions<Payload> {
    const name = `${role.stream}-${group}`
    // No entry may start without a token.
    const whenUnavailable = 'throw'
    return {
      limiter: createRateLimiter(penknife.space(SPACE), name, { rules: [rule], place, whenUnavailable }),
      subject({ id, payload }) {
        journal.write({ k: 'asked', id })
        return subjectOf(payload.n)
      },
    }
  }

  const limited = limitOf(role.stream, group, config.perSecond)
  const limits = limited ? { limit: limitWith(limited) } : {}
  const options = {
    lease: settings.leaseMs,
    maxAttempts: settings.maxAttempts,
    timeout: settings.timeoutMs,
    retryDelay: 20,
    maxRetryDelay: 500,
    connection: shared ? ('shared' as const) : ('own' as const),
  }
  const workers = Array.from({ length: shared ? 2 : 1 }, () => {
    const worker = batch
      ? stream.batchWorker(group, handleAll, { ...options, concurrency: 4, batch: 25 })
      : stream.worker(group, handle, { ...options, concurrency: settings.concurrency, ...limits })
    worker.on((event) => {
      const record = recordOf(event)
      if (record) journal.write(record)
    })
    return worker
  })
  return { journal, workers }
}

const playing = config.roles.map(play)
process.once('SIGTERM', () => {
  for (const { journal } of playing) journal.write({ k: 'closing' })
  void Promise.all(playing.flatMap(({ workers }) => workers.map((worker) => worker.close())))
    .then(() => penknife.close())
    .then(() => playing.forEach(({ journal }) => journal.write({ k: 'closed' })))
})
