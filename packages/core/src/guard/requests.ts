import { randomBytes } from 'node:crypto'

import { durationMs, type Duration } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { checkName } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import type { Route } from '../redis/keys.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { guardClaimRequest, guardComplete } from '../redis/scripts.gen.ts'
import { cut } from '../text.ts'
import { claimOrWait, completeClaim } from './claiming.ts'
import { createKeeper } from './keeper.ts'

const HOUR_MS = 3_600_000

export interface RequestClaimsOptions {
  /** For how long what was stored is kept. Default: '24h'. */
  readonly window?: Duration | undefined
  /** For how long a claim lasts without renewal. Default: '30s'. */
  readonly lease?: Duration | undefined
  /** For how long a claim is renewed. Default: '5m', at least `lease`. */
  readonly maxRun?: Duration | undefined
  /** Default: 'spread', over 16 shards. */
  readonly place?: 'spread' | 'space' | undefined
}

/** What Redis knows of a request. */
export type RequestState =
  /** The caller is to carry out the request. */
  | { readonly state: 'claimed'; readonly claim: RequestClaim }
  /** Another caller carries it out; its claim lasts `leftMs` unless renewed. */
  | { readonly state: 'running'; readonly leftMs: number }
  /** The id was used for a request with another fingerprint. */
  | { readonly state: 'mismatch' }
  /** It was carried out; `stored` is what the caller gave to `store`. */
  | { readonly state: 'done'; readonly stored: string }
  /** It was carried out, and what came of it could not be stored. */
  | { readonly state: 'lost'; readonly reason: string }

/** The right to carry out a request. It is renewed until one of its methods was called. */
export interface RequestClaim {
  /**
   * Stores the response; `lost` means that there is none, and why. Calls Redis again while it is away and the claim lasts.
   *
   * @throws PENKNIFE_LEASE_LOST when another caller took over
   */
  store(kind: 'done' | 'lost', text: string): Promise<void>
  /** Gives the claim up, so that the next caller carries out the request. */
  release(): Promise<void>
  /** Renews it no longer: another caller may take over when its lease ends. `store` still works until then. */
  lapse(): void
  /** Calls the listener once when the claim is lost: Redis was away for longer than the lease, or `maxRun` is over. */
  onLost(listener: () => void): void
}

export interface BeginOptions {
  /** Milliseconds to wait while another caller carries out the request. */
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
}

export interface RequestClaims {
  /** Milliseconds that one script call may take. */
  readonly deadlineMs: number
  /**
   * Claims a request. `id` is short text; `fingerprint` is 43 characters of base64url, a SHA-256 of the request.
   *
   * Cost: one script call, one for each third of the lease while the claim is kept, and one to complete it.
   */
  begin(id: string, fingerprint: string, options: BeginOptions): Promise<RequestState>
  /** Reports that a policy decided about a request, because Redis did not. */
  decided(policy: 'open' | 'closed', error: PenknifeError): void
}

interface Ids {
  readonly route: Route
  readonly key: string
  readonly live: string
  readonly token: string
}

/**
 * Makes what carries out each request once, over all processes.
 *
 * Each id has a key of about 230 bytes beside the stored text, with a TTL: a minute longer than `lease` while it runs, then `window`.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option
 */
export function createRequestClaims(
  space: Space,
  name: string,
  options: RequestClaimsOptions,
): RequestClaims {
  checkName('idempotent name', name)
  const windowMs = Math.ceil(durationMs('window', options.window ?? '24h', { min: 1000 }))
  const leaseMs = Math.ceil(durationMs('lease', options.lease ?? '30s', { min: 1000, max: HOUR_MS }))
  const mostMs = durationMs('maxRun', options.maxRun ?? Math.max(leaseMs, 300_000), {
    min: leaseMs,
    max: 24 * HOUR_MS,
  })
  const { place = 'spread' } = options
  if (place !== 'spread' && place !== 'space') throw invalid('place', place, "give 'spread' or 'space'")
  const runtime = runtimeOf(space)
  const { keys, bind, policies } = runtime
  const policyOf = `idempotent:${name}`
  const title = `idempotent '${name}' of space '${space.name}'`
  runtime.use('requests', name, options)
  const claim = bind(guardClaimRequest, [leaseMs], undefined, title)
  const complete = bind(guardComplete, [windowMs], undefined, title)
  const keeper = createKeeper<Ids>(runtime, {
    leaseMs,
    mostMs,
    title,
    renew: async ({ route, key, token }) => (await claim(route, key, token, 'r')) === 'c',
    // The handler may still run: only the end of the lease lets another caller run it.
    release: () => Promise.resolve(),
  })
  const prefix = randomBytes(9).toString('base64url')
  let tokens = 0

  function idsOf(id: string, fingerprint: string): Ids {
    const route = place === 'space' ? keys.route : keys.shard(id)
    return {
      route,
      key: keys.guardShardOf(route, 'request', name, id),
      live: keys.guardShardLive(route, 'request', name, id),
      token: `${prefix}${(tokens++).toString(36)}/${fingerprint}`,
    }
  }

  /** Ends a claim whose call got no answer: it may be there, and would hold the next try off for the whole lease. */
  function abandon({ route, key, live, token }: Ids): void {
    complete(route, key, live, token, 'n', '').catch(() => {})
  }

  function keep(ids: Ids, fingerprint: string, sentAt: number): RequestClaim {
    const { route, key, live, token } = ids
    const lease = keeper.keep(ids, sentAt)
    return {
      async store(kind, text) {
        const letter = kind === 'done' ? 'd' : 'f'
        const stored = fingerprint + text
        const ours = await completeClaim({
          complete: async () => (await complete(route, key, live, token, letter, stored)) === 1,
          claim: () => claim(route, key, token, 't'),
          stored: letter + stored,
          leftMs: () => lease.leftMs,
        }).finally(() => keeper.end(lease))
        if (ours) return
        const why = `${title}: another caller took over the request before it was stored`
        throw lease.lost ?? new PenknifeError('PENKNIFE_LEASE_LOST', why, { fate: 'unknown' })
      },
      async release() {
        keeper.end(lease)
        await complete(route, key, live, token, 'n', '')
      },
      lapse: () => keeper.end(lease),
      onLost: (listener) => lease.onLost(listener),
    }
  }

  return {
    deadlineMs: runtime.deadlineMs,
    decided: (policy, error) => policies.decided({ space: space.name, name: policyOf, policy }, error),
    async begin(id, fingerprint, { waitMs, signal }) {
      const ids = idsOf(id, fingerprint)
      const mode = waitMs > 0 ? 'w' : 't'
      const { text, sentAt } = await claimOrWait(runtime, {
        route: ids.route,
        live: ids.live,
        claim: () => claim(ids.route, ids.key, ids.token, mode),
        waitMs,
        signal,
      }).catch((error: unknown) => {
        if (error instanceof PenknifeError && error.fate === 'unknown') abandon(ids)
        throw error
      })
      if (policies.any) policies.done(space.name, policyOf)
      const rest = text.slice(1)
      switch (text[0]) {
        case 'c':
          return { state: 'claimed', claim: keep(ids, fingerprint, sentAt) }
        case 'w':
          return { state: 'running', leftMs: Number(rest) }
        case 'x':
          return { state: 'mismatch' }
        case 'd':
        case 'f': {
          // Redis compared the fingerprint of a reply, but a message is for every caller that waits.
          if (!rest.startsWith(fingerprint)) return { state: 'mismatch' }
          const stored = rest.slice(fingerprint.length)
          return text[0] === 'd' ? { state: 'done', stored } : { state: 'lost', reason: stored }
        }
        default:
          throw badReply(title, `'${cut(text, 60)}' says nothing of a request`)
      }
    },
  }
}
