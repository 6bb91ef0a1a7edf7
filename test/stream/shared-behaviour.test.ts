import { describe } from 'vitest'

import { shareConnections } from '../support/connect.ts'

// What workers do with a connection of their own, they do with shared ones. PENKNIFE_WORKERS=shared runs every test so.
describe.each(['handling', 'batch', 'concurrency', 'lease'])('with shared connections: %s', async (file) => {
  shareConnections()
  // With a query, because the module was perhaps run already.
  await import(`./${file}.test.ts?shared`)
})
