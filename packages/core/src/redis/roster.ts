import type { Line, ConnectionPurpose } from './driver.ts'

/** The connections that penknife has open for one purpose. */
export interface ConnectionHealth {
  /** `reader`: of a stream's worker, or of a replay that follows; `durable`: of adds with `durability`. */
  readonly purpose: ConnectionPurpose
  /** How many there are, also those that cannot connect. */
  readonly open: number
  readonly ready: number
  /** Why one of them cannot connect; undefined when all are ready or only begin to connect. */
  readonly reason: string | undefined
}

/** Every connection that penknife has open. A driver adds those that it opens. */
export interface Roster {
  /** `tryNodes` connects nodes of a cluster that could not be reached, so that what is known of them is not of long ago. */
  add(line: Line, purpose: ConnectionPurpose, tryNodes?: () => void): Entry
  /** Why a connection could not be made the last time that it was tried; undefined when it is there, or only begins to connect. */
  reasonOf(line: Line): string | undefined
  /** What there is now; what could not connect is tried again. */
  look(): readonly ConnectionHealth[]
}

/** What a driver says of a connection, or of the node with a name that a cluster connects to. */
export interface Entry {
  connected(node?: string): void
  /** It was tried and could not connect. */
  failed(reason: string, node?: string): void
  /** Forgets the nodes of which that is false. */
  keepOnly(there: (node: string) => boolean): void
  /** Penknife closed it. */
  closed(): void
}

interface Known {
  readonly line: Line
  readonly purpose: ConnectionPurpose
  readonly tryNodes: (() => void) | undefined
  /** Why it, or the node of a cluster with that name, could not connect the last time it was tried. */
  readonly reasons: Map<string, string>
}

const ITSELF = ''

/** `told` is called when the connections for a purpose cannot connect, with the reason, and when all could. */
export function createRoster(told: (purpose: ConnectionPurpose, reason: string | undefined) => void): Roster {
  const all = new Set<Known>()
  const troubled = new Set<ConnectionPurpose>()

  function reasonFor(purpose: ConnectionPurpose): string | undefined {
    for (const each of all) {
      if (each.purpose === purpose) for (const reason of each.reasons.values()) return reason
    }
    return undefined
  }

  function changed(purpose: ConnectionPurpose): void {
    const reason = reasonFor(purpose)
    if ((reason !== undefined) === troubled.has(purpose)) return
    if (reason === undefined) troubled.delete(purpose)
    else troubled.add(purpose)
    told(purpose, reason)
  }

  return {
    add(line, purpose, tryNodes) {
      const reasons = new Map<string, string>()
      const known: Known = { line, purpose, tryNodes, reasons }
      all.add(known)
      return {
        connected(node = ITSELF) {
          if (reasons.delete(node)) changed(purpose)
        },
        failed(reason, node = ITSELF) {
          reasons.set(node, reason)
          changed(purpose)
        },
        keepOnly(there) {
          const before = reasons.size
          for (const node of reasons.keys()) if (node !== ITSELF && !there(node)) reasons.delete(node)
          if (reasons.size < before) changed(purpose)
        },
        closed() {
          all.delete(known)
          changed(purpose)
        },
      }
    },
    reasonOf(line) {
      for (const each of all) {
        if (each.line === line) for (const reason of each.reasons.values()) return reason
      }
      return undefined
    },
    look() {
      const found = new Map<ConnectionPurpose, { open: number; ready: number }>()
      for (const { line, purpose, reasons, tryNodes } of all) {
        const sums = found.get(purpose) ?? { open: 0, ready: 0 }
        found.set(purpose, sums)
        const one = { open: 1, ready: line.ready && reasons.size === 0 ? 1 : 0 }
        const { open, ready } = line.count?.() ?? one
        sums.open += Math.max(open, ready + reasons.size)
        sums.ready += ready
        if (reasons.size > 0) tryNodes?.()
      }
      return [...found].map(([purpose, sums]) => ({ purpose, ...sums, reason: reasonFor(purpose) }))
    },
  }
}
