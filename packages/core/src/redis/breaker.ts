import { durationMs, type Duration } from '../duration.ts'
import { detached } from '../detached.ts'
import { PenknifeError } from '../errors.ts'
import { createTopic, type Taps } from '../events.ts'
import { checkOptions, wholeNumber } from '../options.ts'

/** When calls to a server that does not answer fail at once. */
export interface BreakerOptions {
  /** The number of batches (not calls) in a row that get no answer in time before the circuit opens. Default: 5. */
  readonly failures?: number | undefined
  /** The failures count as one row if they happen within this time. Default: 10 s. */
  readonly within?: Duration | undefined
  /** Time between a failed probe of the server and the next probe. Default: 500 ms. */
  readonly probeEvery?: Duration | undefined
}

/**
 * A change of state of a circuit breaker; also on the node:diagnostics_channel `penknife:breaker`.
 *
 * There is a circuit for each server (on a cluster: each master) and deadline.
 */
export type BreakerEvent =
  | {
      /** Calls are no longer sent: the limiter's policy decides at once. */
      readonly kind: 'open'
      /** `host:port` of the server. */
      readonly node: string
      /** The deadline of its calls. */
      readonly deadlineMs: number
      /** The error message of the last failed call. */
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

/** Lets calls to a server that does not answer fail at once. For callers that can decide without Redis. */
export interface Breaker {
  /** The error for a call to that slot while its circuit is open; undefined when the call may be sent. */
  refusal(what: string, slot: number): PenknifeError | undefined
  /** The server of that slot answered in time. */
  succeeded(slot: number): void
  /** The server of that slot did not answer in time. `key` is a key of that slot, for probes. */
  failed(slot: number, key: string, error: PenknifeError): void
  /** Adds a listener for changes of state. Returns a function that removes it. */
  on(listener: (event: BreakerEvent) => void): () => void
}

export interface Breakers {
  /** The breaker of all callers with that deadline. They share it because they agree on what is too slow. */
  of(deadlineMs: number): Breaker
  /** Probes at once, because a connection is ready again. */
  resume(): void
  /** Stops probing. */
  close(): void
}

/** The connection, as a breaker uses it. */
export interface Probed {
  /** Names the server of a slot. */
  nodeOf(slot: number): string
  /** Whether the server of a slot answers in time; an error reply counts. Never rejects. */
  probe(slot: number, key: string, deadlineMs: number): Promise<boolean>
}

/**
 * Circuit breakers of one connection: one circuit for each server and deadline, shared by all callers.
 *
 * A circuit counts batches, not calls, because all calls of a batch fail together. Only missing answers count; an error reply
 * costs no time. An open circuit probes at once and then every `probeEvery`, and closes at the first answer in time. So no
 * caller waits for a probe, and a server that was slow for a moment gets calls again after one round trip.
 */
export function createBreakers(options: BreakerOptions, { nodeOf, probe }: Probed, taps: Taps): Breakers {
  checkOptions('breaker', options, ['failures', 'within', 'probeEvery'])
  const most = wholeNumber('failures', options.failures ?? 5, 1, 1_000_000)
  const withinMs = durationMs('within', options.within ?? 10_000)
  const probeEveryMs = durationMs('probeEvery', options.probeEvery ?? 500, { min: 10, max: 3_600_000 })
  const breakers = new Map<number, Breaker>()
  const outages = new Set<Outage>()
  let ended = false

  function createBreaker(deadlineMs: number): Breaker {
    const topic = createTopic<BreakerEvent>('penknife:breaker', taps)
    /** Servers that failed recently. Empty while all answer, so that `refusal` costs nothing. */
    const circuits = new Map<string, Circuit>()

    function open(circuit: Circuit, slot: number, key: string, reason: string): void {
      const { node } = circuit
      if (topic.observed) topic.emit({ kind: 'open', node, deadlineMs, reason })
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
      if (topic.observed) topic.emit({ kind: 'closed', node, deadlineMs, openMs: outage.lastedMs() })
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
  /** Set while the circuit is open. */
  outage: Outage | undefined
}

/** An open circuit: probes one after another until one is answered. */
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
      else this.#timer = detached(() => setTimeout(() => this.probe(), this.#everyMs).unref())
    })
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }
}
