import { joinLeases } from './leases.ts'
import type { Charge, Plan } from './plan.ts'
import type { Taken } from './taken.ts'
import type { Decision, RuleState, Subject } from './types.ts'

/** Asks for one charge; one that may have to be corrected later says how. */
export type Ask = (charge: Charge, subject: Subject, cost: number, correctable: boolean) => Promise<Taken>

/**
 * Charges rules that live apart, in their order. When one denies or fails, what those before it took is given back: in
 * between others may have been denied by it, which nobody can help without a routing key.
 */
export async function takeInOrder(
  { charges }: Plan,
  subject: Subject,
  cost: number,
  correctable: boolean,
  take: Ask,
): Promise<readonly Taken[]> {
  const taken: Taken[] = []
  const undo = (): Promise<readonly (readonly RuleState[])[]> =>
    Promise.all(
      taken.map(async ({ decision, correct }) => {
        await decision.lease?.release()
        return (await correct?.(-cost)) ?? decision.rules
      }),
    )
  for (const charge of charges) {
    let next: Taken
    try {
      // Nothing can deny after the last one.
      next = await take(charge, subject, cost, correctable || (cost > 0 && charge !== charges.at(-1)))
    } catch (error) {
      await undo().catch(() => {})
      throw error
    }
    if (!next.decision.allowed) {
      const restored = await undo()
      const before = taken.map(({ decision }, at) => ({
        decision: { ...decision, lease: undefined, rules: restored[at] ?? decision.rules },
      }))
      const after = await Promise.all(
        charges.slice(taken.length + 1).map((each) => take(each, subject, 0, false)),
      )
      return [...before, next, ...after]
    }
    taken.push(next)
  }
  return taken
}

/** One decision of those about the parts of a subject; `order` are the names of all rules. */
export function joinDecisions(order: readonly string[], decisions: readonly Decision[]): Decision {
  const [first] = decisions as readonly [Decision]
  if (decisions.length === 1) return first
  const inOrder = <State extends { readonly name: string }>(states: readonly State[]): readonly State[] =>
    states.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  const denied = decisions.find(({ allowed }) => !allowed)
  const binding = denied ?? decisions.reduce((a, b) => (b.remaining < a.remaining ? b : a))
  return {
    ...binding,
    lease: denied ? undefined : joinLeases(decisions.flatMap(({ lease }) => lease ?? [])),
    rules: inOrder(decisions.flatMap(({ rules }) => rules)),
    shadow: inOrder(decisions.flatMap(({ shadow }) => shadow)),
  }
}
