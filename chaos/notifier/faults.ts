import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { send } from '../../scripts/redis/resp.ts'
import type { Scene } from '../harness/common-faults.ts'
import type { Fault } from '../harness/faults.ts'
import type { Archive } from './archive.ts'
import type { Pair } from './pair.ts'

/** Faults of histories and of their followers: Redis loses data, a replica without the last events takes over. */
export function notifierFaults({ random, journal, alone }: Scene, pair: Pair, archive: Archive): Fault[] {
  const note = (fault: string): void => journal.write({ k: 'fault', fault, on: 'redis' })
  return [
    {
      name: 'subscriber connections killed',
      weight: 4,
      strike: () =>
        alone(async () => {
          note('client kill')
          await send({ socket: pair.master.socket }, ['CLIENT', 'KILL', 'TYPE', 'pubsub'])
        }),
    },
    {
      name: 'histories trimmed',
      weight: 2,
      strike: () =>
        alone(() => {
          note('trim')
          return archive.trim(random.int(1, 20))
        }),
    },
    {
      name: 'Redis emptied',
      weight: 0.3,
      strike: () =>
        alone(() => {
          note('flush')
          return archive.flush()
        }),
    },
    {
      name: 'Redis restarted without its data',
      weight: 0.3,
      strike: () =>
        alone(async () => {
          const { front, master } = pair
          note('wiped')
          await pair.isolate()
          await archive.read()
          await master.kill()
          await rm(join(master.dir, 'appendonlydir'), { recursive: true, force: true })
          await master.start()
          await archive.compare()
          await front.comeBack()
        }),
    },
    {
      name: 'a replica promoted without the last events',
      weight: 2.5,
      strike: () =>
        alone(async () => {
          // A replica that is still loading the master's data cannot take over.
          if (!(await pair.untilSynced(10_000))) return
          note('promotion')
          await pair.promote(
            random.int(50, 600),
            () => archive.read(),
            async () => {
              archive.from(pair.master.socket)
              await archive.compare()
            },
          )
          note('promoted')
        }),
    },
  ]
}
