import type { Runtime } from './penknife.ts'

/** How to learn that an object in Redis was changed, by any process. */
export interface Changes {
  /**
   * Calls `changed` after each change, and when some may have been missed. Calls `reliable` with whether every change is noticed from
   * now on. Returns a function that ends it.
   */
  follow(changed: (text: string) => void, reliable: (reliable: boolean) => void): () => void
}

/** The changes of which scripts tell on a pub/sub channel. */
export function channelChanges(
  { keys, subscriber }: Pick<Runtime, 'keys' | 'subscriber'>,
  channel: string,
): Changes {
  return {
    follow: (changed, reliable) =>
      subscriber.follow(keys.route, channel, {
        message: changed,
        followed: () => reliable(true),
        interrupted: () => reliable(false),
      }),
  }
}

const known = new WeakMap<object, Changes>()

/** A feature says how its object is followed, and returns it. */
export function followable<Value extends object>(object: Value, changes: Changes): Value {
  known.set(object, changes)
  return object
}

/** Undefined if nothing tells of changes: read the object again and again. */
export function changesOf(object: object): Changes | undefined {
  return known.get(object)
}
