import { test } from 'vitest'

import { endsAll, startDemo } from '../demo/demo.ts'

test('pnpm demo starts it from its source, and Ctrl-C ends the demo, its private Redis and its data', async () => {
  await endsAll(await startDemo([], { bundled: false }), 1)
})
