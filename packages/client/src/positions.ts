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
  const positions = new Map(Object.entries(read(storage, key)))
  let timer: ReturnType<typeof setTimeout> | undefined

  function write(): void {
    clearTimeout(timer)
    timer = undefined
    try {
      storage?.setItem(key, JSON.stringify(Object.fromEntries(positions)))
    } catch {
      // It is full, or the browser forbids it: the positions stay in memory.
    }
  }

  globalThis.window?.addEventListener?.('pagehide', write)
  return {
    of: (channel) => positions.get(channel),
    set(channel, position) {
      if (position === undefined) positions.delete(channel)
      else positions.set(channel, position)
      timer ??= setTimeout(write, WRITE_MS)
    },
  }
}

function read(storage: LiveStorage, key: string): Record<string, string> {
  try {
    return JSON.parse(storage.getItem(key) ?? '{}') as Record<string, string>
  } catch {
    return {}
  }
}
