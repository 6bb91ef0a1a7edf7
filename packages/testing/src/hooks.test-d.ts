import { after, afterEach as afterEachOfNode, before } from 'node:test'

import { afterAll, afterEach, beforeAll, expectTypeOf, test } from 'vitest'

import type { TestHooks } from './hooks.ts'

test('the hooks of vitest and of node:test fit', () => {
  expectTypeOf({ beforeAll, afterAll, afterEach }).toExtend<TestHooks>()
  expectTypeOf({ beforeAll: before, afterAll: after, afterEach: afterEachOfNode }).toExtend<TestHooks>()
})
