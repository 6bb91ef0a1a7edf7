import type { Charge, ChargeRequest } from './charge.ts'
import { type Taken, together } from './correction.ts'
import type { LimiterDecision, LimiterRuleState } from './decision-types.ts'
import { joinLeases } from './leases.ts'
import type { Plan } from './plan.ts'

/** Makes one charge. A correctable charge returns its correction. */
export type TakeOne = (
  charge: Charge,
  cost: number,
  correctable: ChargeRequest['correctable'],
) => Promise<Taken>

/**
 * Makes several charges one after the other, for rules that no single script can charge together. When one denies or fails,
 * the earlier charges are given back. Meanwhile other calls may have been denied because of them; only `routeBy` avoids that.
 */
export async function takeInOrder(
  { charges, rules }: Plan,
  cost: number,
  correctable: ChargeRequest['correctable'],
  take: TakeOne,
): Promise<Taken> {
  const taken = await takeEach(charges, cost, correctable, take)
  const decisions = taken.map(({ decision }) => decision)
  const names = rules.map(({ name }) => name)
  const decision = joinDecisions(names, decisions)
  const corrections = taken.flatMap(({ correct }) => correct ?? [])
  if (correctable === false || !decision.allowed || corrections.length === 0) return { decision }
  return {
    decision,
    correct: (tokens) => together(corrections.map((each) => each(tokens))).then((states) => states.flat()),
  }
}

async function takeEach(
  charges: readonly Charge[],
  cost: number,
  correctable: ChargeRequest['correctable'],
  take: TakeOne,
): Promise<readonly Taken[]> {
  const taken: Taken[] = []
  const undo = (): Promise<readonly (readonly LimiterRuleState[])[]> =>
    Promise.all(
      taken.map(async ({ decision, correct }) => {
        await decision.lease?.release()
        return (await correct?.(-cost)) ?? decision.rules
      }),
    )
  for (const charge of charges) {
    let next: Taken
    try {
      // The last charge needs no correction, because no later one can deny.
      next = await take(
        charge,
        cost,
        correctable !== false ? correctable : cost > 0 && charge !== charges.at(-1),
      )
    } catch (error) {
      await undo().catch(() => {})
      throw error
    }
    if (!next.decision.allowed) {
      const restored = await undo()
      const before = taken.map(({ decision }, at) => ({
        decision: { ...decision, lease: undefined, rules: restored[at] ?? decision.rules },
      }))
      const after = await Promise.all(charges.slice(taken.length + 1).map((each) => take(each, 0, false)))
      return [...before, next, ...after]
    }
    taken.push(next)
  }
  return taken
}

/** Joins the decisions about the parts of a subject. `names` are the names of all rules, in order. */
function joinDecisions(names: readonly string[], decisions: readonly LimiterDecision[]): LimiterDecision {
  const [first] = decisions as readonly [LimiterDecision]
  if (decisions.length === 1) return first
  const inOrder = <State extends { readonly name: string }>(states: readonly State[]): readonly State[] =>
    states.toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
  const denied = decisions.find(({ allowed }) => !allowed)
  const shadowBan = decisions.find((each) => each.shadowBan)?.shadowBan
  const binding = denied ?? decisions.reduce((a, b) => (b.remaining < a.remaining ? b : a))
  return {
    ...binding,
    ...(shadowBan ? { shadowBan } : undefined),
    lease: denied ? undefined : joinLeases(decisions.flatMap(({ lease }) => lease ?? [])),
    rules: inOrder(decisions.flatMap(({ rules }) => rules)),
    shadow: inOrder(decisions.flatMap(({ shadow }) => shadow)),
  }
}
