import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take ten seconds and more, the longest first. */
const LONGEST = [
  'test/dashboard/page-browser.test.ts',
  'test/cluster/driver-topologies.test.ts',
  'test/demo/demo.test.ts',
  'test/redis/driver-contract.test.ts',
  'test/cluster/stream-failover.test.ts',
  'test/docs/snippets.test.ts',
  'test/record/chaos.test.ts',
  'test/redis/silence.test.ts',
  'test/limiter/policies.test.ts',
  'test/stream/order.property.test.ts',
  'test/http/idempotent/crash.test.ts',
  'test/redis/factories.test.ts',
  'test/examples/examples.test.ts',
  'test/redis/fuzz.test.ts',
  'test/notifier/chaos.test.ts',
  'test/http/contract.test.ts',
  'test/stream/damaged.test.ts',
  'test/redis/bounds.test.ts',
  'test/redis/scripts.test.ts',
  'test/redis/outages.test.ts',
  'test/stream/outage.test.ts',
  'test/redis/given-options.test.ts',
  'test/notifier/presence.test.ts',
  'test/stream/crash.test.ts',
  'test/guard/chaos-checker.test.ts',
  'test/servers/apt.test.ts',
  'test/guard/chaos.test.ts',
  'test/redis/connection.test.ts',
  'test/redis/spoiled-replies.test.ts',
  'test/stream/chaos.test.ts',
  'test/stream/schedules.processes.test.ts',
  'test/stream/limits.test.ts',
  'test/notifier/chaos-sabotage.test.ts',
  'test/stream/shared-behaviour.test.ts',
  'test/dashboard/fuzz.test.ts',
  'test/http/sockets-fuzz.test.ts',
  'test/limiter/processes.test.ts',
]

/** Files that begin between two of the longest. */
const BETWEEN = 2

/**
 * Begins the longest files early, so that none of them runs alone at the end, but not side by side: they mostly wait, and would leave the
 * cores idle. Vitest knows the durations of earlier runs only, which a new clone does not have. It sorts the others, of which the longer
 * and the shorter half take turns.
 */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the method of the sequencer
    const sorted = await super.sort(files)
    const isLongest = ({ moduleId }: TestSpecification): boolean => rank(moduleId) < LONGEST.length
    const longest = sorted.filter(isLongest).toSorted((a, b) => rank(a.moduleId) - rank(b.moduleId))
    const others = sorted.filter((file) => !isLongest(file))
    const half = Math.ceil(others.length / 2)
    const mixed = others
      .slice(0, half)
      .flatMap((file, at) => [file, ...others.slice(half + at, half + at + 1)])
    const early = longest.flatMap((file, at) => [file, ...mixed.slice(at * BETWEEN, (at + 1) * BETWEEN)])
    return [...early, ...mixed.slice(longest.length * BETWEEN)]
  }
}

function rank(moduleId: string): number {
  const at = LONGEST.findIndex((name) => moduleId.endsWith(name))
  return at < 0 ? LONGEST.length : at
}
