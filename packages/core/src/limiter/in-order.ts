import { joinLeases } from './leases.ts'
import type { Charge, Plan } from './plan.ts'
import type { Decision, RuleState, Subject } from './types.ts'

/** How one charge is asked, and how what it took is given back. */
export interface Ask {
  take(charge: Charge, subject: Subject, cost: number): Promise<Decision>
  giveBack(charge: Charge, subject: Subject, cost: number, decision: Decision): Promise<readonly RuleState[]>
}

/**
 * Charges rules that live apart, in their order. When one denies or fails, what those before it took is given back: in
 * between others may have been denied by it, which nobody can help without a routing key.
 */
export async function takeInOrder(
  { charges }: Plan,
  subject: Subject,
  cost: number,
  { take, giveBack }: Ask,
): Promise<readonly Decision[]> {
  const decisions: Decision[] = []
  const undo = (): Promise<readonly (readonly RuleState[])[]> =>
    Promise.all(decisions.map((decision, at) => giveBack(charges[at] as Charge, subject, cost, decision)))
  for (const charge of charges) {
    let decision: Decision
    try {
      decision = await take(charge, subject, cost)
    } catch (error) {
      await undo().catch(() => {})
      throw error
    }
    if (!decision.allowed) {
      const restored = await undo()
      const before = decisions.map((each, at) => ({
        ...each,
        lease: undefined,
        rules: restored[at] ?? each.rules,
      }))
      const after = await Promise.all(
        charges.slice(decisions.length + 1).map((each) => take(each, subject, 0)),
      )
      return [...before, decision, ...after]
    }
    decisions.push(decision)
  }
  return decisions
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
