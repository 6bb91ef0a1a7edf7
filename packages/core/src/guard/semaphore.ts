import { invalid } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions, checkSignal, checkText, wholeNumber } from '../options.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { guardPermit, guardPermitted, guardRepermit, guardUnpermit } from '../redis/scripts.gen.ts'
import { Held, type HeldThing, type HeldWays, runHeld } from './held.ts'
import { createKeeper } from './keeper.ts'
import { leaseOptions, waitOf } from './lease-options.ts'
import type {
  HeldPermit,
  PermitOptions,
  Semaphore,
  SemaphoreEvent,
  SemaphoreOptions,
} from './semaphore-types.ts'
import { CLAIM_MS, createTickets } from './tickets.ts'

const LONGEST_KEY = 512
const MOST_PERMITS = 1000
const NONE = {}

interface Holding extends HeldThing {
  readonly places: readonly [held: string, extra: string, queue: string]
  readonly ticket: string
}

/**
 * Creates semaphores of a name: each key has its own, with `size` permits.
 *
 * A key of which one permit is taken has about 210 bytes in Redis. Its state expires two hours after its last use. All processes give the
 * same size and lease.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option; its methods for a wrong argument.
 */
export function createSemaphore(space: Space, name: string, options: SemaphoreOptions): Semaphore {
  checkName('semaphore name', name)
  checkOptions('createSemaphore', options, ['size', 'lease', 'maxHold', 'wait'])
  const size = wholeNumber('size', options.size, 1, MOST_PERMITS)
  const { leaseMs, mostMs, waitMs } = leaseOptions(options)
  const runtime = runtimeOf(space)
  const { keys, bind } = runtime
  const { route } = keys
  const title = `semaphore '${name}' of space '${space.name}'`
  runtime.use('semaphore', name, options)
  const tickets = createTickets(runtime, 'permit', name, title)
  const { channel } = tickets
  const fence = keys.guard('fence', 'last')
  const topic = createTopic<SemaphoreEvent>('penknife:semaphore', runtime.taps)
  const take = bind(guardPermit, [[fence], channel, size, leaseMs, CLAIM_MS], undefined, title)
  const give = bind(guardUnpermit, [channel, size, CLAIM_MS], undefined, title)
  const renew = bind(guardRepermit, [leaseMs], undefined, title)
  const permitted = bind(guardPermitted, [], undefined, title)
  const release = async ({ places, ticket }: Holding): Promise<boolean> =>
    (await give(route, ...places, ticket, 0)) === 1
  const keeper = createKeeper<Holding>(runtime, {
    leaseMs,
    mostMs,
    title,
    renew: async ({ places: [held], ticket }) => (await renew(route, held, ticket)) === 1,
    release,
    onLost: ({ keys: names, fence: token }, error) =>
      topic.emit({ kind: 'lost', space: space.name, name, keys: names, fence: token, error }),
  })

  const ways: HeldWays<Holding> = {
    keeper,
    release: (of, { received, failed }) => void release(of).then(received, failed),
  }

  function placesOf(key: string): Holding['places'] {
    checkText('key', key, LONGEST_KEY)
    return [
      keys.guardOf('permit', name, key),
      keys.guardOf('permit-extra', name, key),
      keys.guardOf('permit-queue', name, key),
    ]
  }

  async function acquire(
    key: string,
    { wait, signal, weight = 1 }: PermitOptions,
  ): Promise<HeldPermit | undefined> {
    const places = placesOf(key)
    wholeNumber('weight', weight, 1, size)
    const ms = wait === undefined ? waitMs : waitOf(wait)
    checkSignal(signal)
    signal?.throwIfAborted()
    const granted = await tickets.take(
      {
        place: places[0],
        suffix: weight === 1 ? '' : `:${weight}`,
        ask: (ticket, order) => take(route, ...places, ticket, order),
        leave: (ticket) => give(route, ...places, ticket, 1),
      },
      { waitMs: ms, signal },
    )
    if (!granted) return undefined
    const { ticket, fence: token, sentAt } = granted
    return new Held({ places, ticket, keys: [key], fence: token }, weight, sentAt, ways)
  }

  return {
    name,
    async acquire(key, asked = NONE) {
      checkOptions('acquire', asked, ['wait', 'signal', 'weight'])
      return acquire(key, asked)
    },
    async tryAcquire(key, asked = NONE) {
      checkOptions('tryAcquire', asked, ['weight'])
      return acquire(key, { ...asked, wait: 0 })
    },
    async run(key, body, asked = NONE) {
      if (typeof body !== 'function') throw invalid('body', body, 'give a function')
      checkOptions('run', asked, ['wait', 'signal', 'weight'])
      const held = await acquire(key, asked)
      return held ? { acquired: true, result: await runHeld(held, body) } : { acquired: false }
    },
    async look(key) {
      const [held, , queue] = placesOf(key)
      const [taken = 0, waiting = 0] = await permitted(route, held, queue)
      return { taken, size, waiting }
    },
    on: (listener) => topic.on(listener),
  }
}
