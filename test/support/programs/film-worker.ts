// The workers of a workflow of three steps: a film is split into parts, the parts are encoded, the film is joined.
// argv: Redis url, film to add (empty: none), "<step> before|during|after" to be killed at that moment of the step (empty: never).
import { connect, createCounters, createStream, type Delivery, type WorkerOptions } from '@penknife/core'
import { pattern } from '../../../scripts/redis/clients.ts'

const [url, film, kill = ''] = process.argv.slice(2) as [string, string, string?]
const media = connect(pattern(url)).space('media')
const films = createStream<{ film: string }>(media, 'films', { groups: ['split'] })
const parts = createStream<{ film: string; part: number }>(media, 'parts', { groups: ['encode'] })
const whole = createStream<{ film: string }>(media, 'whole', { groups: ['join'] })
const encoded = createCounters(media, 'encoded')
const joined = createCounters(media, 'joined')
const OPTIONS: WorkerOptions = { lease: '300ms', retryDelay: 0, maxAttempts: 1000 }

/** Commits, and dies before it, while it is under way, or right after it. */
async function step(name: string, commit: () => ReturnType<Delivery<unknown>['commit']>): Promise<void> {
  const die = (moment: string): void => {
    if (kill === `${name} ${moment}`) process.kill(process.pid, 'SIGKILL')
  }
  die('before')
  const committing = commit()
  // The call is sent at the end of this tick.
  setImmediate(() => setImmediate(() => die('during')))
  await committing
  die('after')
}

films.worker(
  'split',
  (delivery) =>
    step('split', () =>
      delivery.commit(...[1, 2, 3].map((part) => parts.adding({ film: delivery.payload.film, part }))),
    ),
  OPTIONS,
)
parts.worker(
  'encode',
  (delivery) => {
    const { film: of } = delivery.payload
    const reaching = { value: 3, effects: [whole.adding({ film: of })] }
    return step('encode', () => delivery.commit(encoded.incrementing(of, 1, { reaching })))
  },
  OPTIONS,
)
whole.worker(
  'join',
  (delivery) => step('join', () => delivery.commit(joined.incrementing(delivery.payload.film))),
  OPTIONS,
)
if (film !== '') await films.add({ film }, { id: film })
