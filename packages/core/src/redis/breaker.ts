import { durationMs, type Duration } from '../duration.ts'
import { PenknifeError } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkOptions, wholeNumber } from '../options.ts'

/** When a server that does not answer is no longer asked. */
export interface BreakerOptions {
  /** After so many batches (not calls) in a row without an answer in time, no further one is sent. Default: 5. */
  readonly failures?: number
  /** They count as a row if they fail within this time. Default: 10 s. */
  readonly within?: Duration
  /** How long after a failed probe the next one asks whether the server is back. Default: 500 ms. */
  readonly probeEvery?: Duration
}

/**
 * A change of state of a circuit breaker; also on the node:diagnostics_channel `penknife:breaker`.
 *
 * There is a circuit for each server (on a cluster: each master) and deadline.
 */
export type BreakerEvent =
  | {
      /** From now on calls are not sent: they are answered by policy at once. */
      readonly kind: 'open'
      /** `host:port` of the server. */
      readonly node: string
      /** Its calls had so long to be answered. */
      readonly deadlineMs: number
      /** What the last of the calls failed with. */
      readonly reason: string
    }
  | {
      /** The server answers in time: calls are sent again. */
      readonly kind: 'closed'
      readonly node: string
      readonly deadlineMs: number
      /** How long the circuit was open. */
      readonly openMs: number
    }

/** Says whether it is worth the time to ask a server; for calls whose caller has another answer. */
export interface Breaker {
  /** What a call for that slot fails with at once; undefined when it is to be sent. */
  refusal(what: string, slot: number): PenknifeError | undefined
  /** The server of that slot answered in time. */
  succeeded(slot: number): void
  /** It did not; `key` is one of that slot, to probe with. */
  failed(slot: number, key: string, error: PenknifeError): void
  /** Adds a listener for every change of state; the function that comes back removes it. */
  on(listener: (event: BreakerEvent) => void): () => void
}

export interface Breakers {
  /** The breaker of all callers with that deadline: they mean the same by "slow", and learn from each other. */
  of(deadlineMs: number): Breaker
  /** Probes now: there is a connection again. */
  resume(): void
  /** Stops probing. */
  close(): void
}

/** What a breaker needs to know of the connection. */
export interface Probed {
  /** Names the server of a slot. */
  nodeOf(slot: number): string
  /** Whether the server of a slot answers, with anything at all, within the time. Never rejects. */
  probe(slot: number, key: string, deadlineMs: number): Promise<boolean>
}

/**
 * Circuit breakers of one connection, a circuit for each server and deadline, whoever makes the calls.
 *
 * They count batches, not calls: what travels together fails together. Only silence counts; a server that answers with
 * an error costs nobody time. An open circuit probes by itself, at once and then every `probeEvery`, and closes at the first
 * answer in time, so that no caller waits for a probe, and a server that only hesitated is asked again after one
 * round trip.
 */
export function createBreakers(options: BreakerOptions, { nodeOf, probe }: Probed): Breakers {
  checkOptions('breaker', options, ['failures', 'within', 'probeEvery'])
  const most = wholeNumber('failures', options.failures ?? 5, 1, 1_000_000)
  const withinMs = durationMs('within', options.within ?? 10_000)
  const probeEveryMs = durationMs('probeEvery', options.probeEvery ?? 500, { min: 10, max: 3_600_000 })
  const breakers = new Map<number, Breaker>()
  const outages = new Set<Outage>()
  let ended = false

  function createBreaker(deadlineMs: number): Breaker {
    const topic = createTopic<BreakerEvent>('penknife:breaker')
    /** Servers that failed lately: none as long as all is well, which makes asking free. */
    const circuits = new Map<string, Circuit>()

    function open(circuit: Circuit, slot: number, key: string, reason: string): void {
      const { node } = circuit
      if (topic.hasListeners) topic.emit({ kind: 'open', node, deadlineMs, reason })
      circuit.outage = new Outage(
        () => probe(slot, key, deadlineMs),
        probeEveryMs,
        () => close(circuit),
      )
      outages.add(circuit.outage)
      circuit.outage.probe()
    }
    function close({ node, outage }: Circuit): void {
      circuits.delete(node)
      if (!outage) return
      outage.end()
      outages.delete(outage)
      if (topic.hasListeners) topic.emit({ kind: 'closed', node, deadlineMs, openMs: outage.lastedMs() })
    }

    return {
      refusal(what, slot) {
        if (circuits.size === 0) return undefined
        const node = nodeOf(slot)
        if (!circuits.get(node)?.outage) return undefined
        const why = `${node} left ${most} batches in a row without an answer within ${deadlineMs} ms`
        return new PenknifeError(
          'PENKNIFE_UNAVAILABLE',
          `${what}: ${why}; nothing is sent until it answers a probe`,
        )
      },
      succeeded(slot) {
        if (circuits.size === 0) return
        const circuit = circuits.get(nodeOf(slot))
        if (circuit) close(circuit)
      },
      on: (listener) => topic.on(listener),
      failed(slot, key, error) {
        if (ended) return
        const node = nodeOf(slot)
        const now = performance.now()
        let circuit = circuits.get(node)
        if (!circuit || (!circuit.outage && now - circuit.since > withinMs)) {
          circuit = { node, since: now, failures: 0, outage: undefined }
          circuits.set(node, circuit)
        }
        circuit.failures += 1
        if (!circuit.outage && circuit.failures >= most) open(circuit, slot, key, error.message)
      },
    }
  }

  return {
    of(deadlineMs) {
      const breaker = breakers.get(deadlineMs) ?? createBreaker(deadlineMs)
      breakers.set(deadlineMs, breaker)
      return breaker
    },
    resume() {
      for (const outage of outages) outage.probe()
    },
    close() {
      ended = true
      for (const outage of outages) outage.end()
    },
  }
}

interface Circuit {
  readonly node: string
  /** When the row of failures began. */
  readonly since: number
  failures: number
  /** There while it is open. */
  outage: Outage | undefined
}

/** The time in which a circuit is open: one probe after another until one is answered. */
class Outage {
  readonly #startedAt = performance.now()
  readonly #ask: () => Promise<boolean>
  readonly #everyMs: number
  readonly #onAnswer: () => void
  #timer: NodeJS.Timeout | undefined
  #probing = false
  #ended = false

  constructor(ask: () => Promise<boolean>, everyMs: number, onAnswer: () => void) {
    this.#ask = ask
    this.#everyMs = everyMs
    this.#onAnswer = onAnswer
  }

  lastedMs(): number {
    return performance.now() - this.#startedAt
  }

  probe(): void {
    if (this.#probing || this.#ended) return
    clearTimeout(this.#timer)
    this.#probing = true
    void this.#ask().then((answered) => {
      this.#probing = false
      if (this.#ended) return
      if (answered) this.#onAnswer()
      else this.#timer = setTimeout(() => this.probe(), this.#everyMs).unref()
    })
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }
}
