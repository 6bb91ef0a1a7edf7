import type { LiveStorage } from './types.ts'

const PREFIX = 'penknife:'
const WRITE_MS = 500

/** The positions of channels beyond the life of a page. */
export interface KeptPositions {
  of(channel: string): string | undefined
  set(channel: string, position: string | undefined): void
}

/** Keeps positions in a storage, written twice a second and when the page is hidden. Without one it keeps nothing. */
export function createPositions(name: string, storage: LiveStorage | undefined): KeptPositions {
  if (!storage) return { of: () => undefined, set() {} }
  const key = PREFIX + name
  const positions = new Map(read(storage, key))
  let timer: ReturnType<typeof setTimeout> | undefined

  function write(): void {
    clearTimeout(timer)
    timer = undefined
    globalThis.window?.removeEventListener?.('pagehide', write)
    try {
      storage?.setItem(key, JSON.stringify(Object.fromEntries(positions)))
    } catch {
      // It is full, or the browser forbids it: the positions stay in memory.
    }
  }

  return {
    of: (channel) => positions.get(channel),
    set(channel, position) {
      if (position === undefined) positions.delete(channel)
      else positions.set(channel, position)
      if (timer !== undefined) return
      timer = setTimeout(write, WRITE_MS)
      globalThis.window?.addEventListener?.('pagehide', write)
    },
  }
}

/** Whatever the storage has: other code of the page can write there. */
function read(storage: LiveStorage, key: string): [channel: string, position: string][] {
  try {
    const entries = Object.entries(JSON.parse(storage.getItem(key) ?? '{}') as object)
    return entries.filter((one): one is [string, string] => typeof one[1] === 'string')
  } catch {
    return []
  }
}
