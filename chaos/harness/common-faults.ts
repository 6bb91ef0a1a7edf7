import { setTimeout as delay } from 'node:timers/promises'

import { send } from '../../scripts/redis/resp.ts'
import type { Proxy } from '../../scripts/redis/proxy.ts'
import type { PrivateRedis } from '../../scripts/redis/server.ts'
import type { FaultRecord, Part } from './cast.ts'
import type { Fault } from './faults.ts'
import type { Journal } from './journal.ts'
import type { Random } from './random.ts'

export interface Scene {
  readonly redis: PrivateRedis
  /** The proxy in front of Redis for the processes whose network must fail. */
  readonly proxy: Proxy
  readonly random: Random
  readonly journal: Journal<FaultRecord>
  /** Runs one fault of Redis as a whole at a time. Undefined while another one runs. */
  readonly alone: (act: () => Promise<void>) => Promise<void> | undefined
}

/** Runs one function at a time. Others are not run meanwhile. */
export function oneAtATime(): Scene['alone'] {
  let busy = false
  return (act) => {
    if (busy) return undefined
    busy = true
    return act().finally(() => (busy = false))
  }
}

/** A random part that has no fault at the moment. */
function victim(parts: () => readonly Part[], random: Random, busy: ReadonlySet<Part>): Part | undefined {
  const free = parts().filter((part) => !busy.has(part))
  return free.length > 0 ? random.pick(free) : undefined
}

/** Faults of processes: killed, frozen and thawed, closed and started again. `label` names the processes. */
export function processFaults(
  parts: () => readonly Part[],
  { random }: Scene,
  frozenMs: readonly [number, number],
  label: string = '',
): Fault[] {
  const busy = new Set<Part>()
  const struck = (name: string, weight: number, act: (part: Part) => Promise<void>): Fault => ({
    name: label + name,
    weight,
    strike() {
      const part = victim(parts, random, busy)
      if (!part) return undefined
      busy.add(part)
      return act(part).finally(() => busy.delete(part))
    },
  })
  return [
    struck('kill -9', 6, (part) => part.kill()),
    struck('freeze and thaw', 3, async (part) => {
      part.freeze()
      await delay(random.int(...frozenMs))
      part.thaw()
      // Some are killed before they notice what they missed.
      if (random.next() < 0.2) await part.kill()
    }),
    struck('close and start again', 1, (part) => part.replace()),
  ]
}

/** Faults of Redis: killed and restarted on its data, and SCRIPT FLUSH. */
export function redisFaults(scene: Scene, awayMs: readonly [number, number]): Fault[] {
  const { random, journal, alone } = scene
  return [
    {
      name: 'Redis kill -9 and restart',
      weight: 1,
      strike() {
        return alone(async () => {
          journal.write({ k: 'fault', fault: 'redis killed', on: 'redis' })
          await scene.redis.kill()
          await delay(random.int(...awayMs))
          await scene.redis.start()
          journal.write({ k: 'fault', fault: 'redis started', on: 'redis' })
        })
      },
    },
    {
      name: 'SCRIPT FLUSH',
      weight: 2,
      strike() {
        return alone(async () => {
          journal.write({ k: 'fault', fault: 'script flush', on: 'redis' })
          await send({ socket: scene.redis.socket }, ['SCRIPT', 'FLUSH'])
        })
      },
    },
  ]
}

/** Faults of the network: connections that are cut, and connections that stay open and transport nothing. */
export function networkFaults(
  { proxy, random, journal }: Pick<Scene, 'proxy' | 'random' | 'journal'>,
  label: string = '',
): Fault[] {
  let silent = false
  return [
    {
      name: `${label}connections cut`,
      weight: 2,
      async strike() {
        journal.write({ k: 'fault', fault: 'cut', on: `${label}network` })
        proxy.cut()
      },
    },
    {
      name: `${label}connections silent`,
      weight: 1,
      strike() {
        if (silent) return undefined
        silent = true
        return (async () => {
          journal.write({ k: 'fault', fault: 'silent', on: `${label}network` })
          proxy.goSilent()
          await delay(random.int(50, 500))
          // The old connections stay silent until a client or a server closes them.
          proxy.pass({ only: 'new' })
          journal.write({ k: 'fault', fault: 'new connections pass', on: `${label}network` })
          silent = false
        })()
      },
    },
  ]
}
