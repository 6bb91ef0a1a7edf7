import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take longest, the longest first. */
const LONGEST = [
  'test/demo/demo.test.ts',
  'test/dashboard/page-browser.test.ts',
  'test/redis/bounds.test.ts',
  'test/cluster/stream-failover.test.ts',
  'test/record/chaos.test.ts',
  'test/http/idempotent/crash.test.ts',
  'test/cluster/driver-topologies.test.ts',
  'test/notifier/chaos.test.ts',
]

/**
 * Begins with the longest files, so that none of them runs alone at the end. Vitest knows the durations of earlier runs only, which
 * a new clone does not have.
 */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(name))
      return at < 0 ? LONGEST.length : at
    }
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the method of the sequencer
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}
