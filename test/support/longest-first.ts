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
 * a new clone does not have. Between the others of the longer half it runs the shorter half: long files mostly wait, and side by side they
 * leave the cores idle.
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
    return [...longest, ...mixed]
  }
}

function rank(moduleId: string): number {
  const at = LONGEST.findIndex((name) => moduleId.endsWith(name))
  return at < 0 ? LONGEST.length : at
}
