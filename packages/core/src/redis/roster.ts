import type { Line, ConnectionPurpose } from './driver.ts'

/** Penknife's open connections for one purpose. */
export interface ConnectionHealth {
  /** `reader`: for a stream's worker or a replay with `follow`. `durable`: for adds with `durability`. */
  readonly purpose: ConnectionPurpose
  /** How many there are, including those that cannot connect. */
  readonly open: number
  readonly ready: number
  /** Why one of them cannot connect. Undefined when all are ready, or are connecting for the first time. */
  readonly reason: string | undefined
}

/** All open connections of penknife. A driver adds each one that it opens. */
export interface Roster {
  /** `tryNodes` tries unreachable nodes of a cluster again, so that their state is up to date. */
  add(line: Line, purpose: ConnectionPurpose, tryNodes?: () => void): Entry
  /** Why the last attempt to connect failed. Undefined when it is connected, or is connecting for the first time. */
  reasonOf(line: Line): string | undefined
  /** The connections now. Tries those again that could not connect. */
  list(): readonly ConnectionHealth[]
}

/** A driver reports the state of a connection here, or of a cluster's node with that name. */
export interface Entry {
  connected(node?: string): void
  /** An attempt to connect failed. */
  failed(reason: string, node?: string): void
  /** Removes the nodes for which `there` returns false. */
  keepOnly(there: (node: string) => boolean): void
  /** Penknife closed it. */
  closed(): void
}

interface Known {
  readonly line: Line
  readonly purpose: ConnectionPurpose
  readonly tryNodes: (() => void) | undefined
  /** Why the last attempt to connect failed, by node name. */
  readonly reasons: Map<string, string>
}

const ITSELF = ''

/** Calls `onChange` with a reason when a connection for a purpose cannot connect, and with undefined when all could. */
export function createRoster(
  onChange: (purpose: ConnectionPurpose, reason: string | undefined) => void,
): Roster {
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
    onChange(purpose, reason)
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
    list() {
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
