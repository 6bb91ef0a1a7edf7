import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Arg } from '../../packages/core/src/redis/script.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const shard = keys.shard('ann')
const limiter = keys.limit(shard, 'api', 'ann')
const log = keys.limitLog(shard, 'api/exact', 'ann')
const limitRules = keys.limitRules('api')
const limitDenied = keys.limitDenied('api', 30_000_000)
const limitBlocks = keys.limitBlocks('api')
const limitDeclared = keys.limitDeclared('api')
const slots = keys.limitSlots(shard, 'api/parallel', 'ann')
const ONE_RULE = Buffer.alloc(32)
for (const [at, number] of [1, 5, 1_000_000, 5_000_000].entries()) ONE_RULE.writeDoubleLE(number, 8 * at)
const TWO_RULES = '1 5 1000000 5000000 2 50 60000000 3000000000'
/** A limiter's state with one entry; with id 0 a block. */
function stateOf(id: number): readonly Arg[] {
  const script = `redis.call('SET', KEYS[1], struct.pack('<ddddd', ${id}, 2 ^ 52, 1, 0, 0) .. 'x')`
  return ['EVAL', script, 1, limiter]
}

const TAKE: readonly Sample[] = [
  { returns: 'integer', shared: [ONE_RULE], item: [limiter, 1] },
  { returns: 'string', shared: [ONE_RULE], item: [limiter, 1], before: [stateOf(0)] },
  { returns: 'null', shared: [ONE_RULE], item: [limiter, 1], before: [stateOf(2)] },
]

/** Samples of the scripts of rate limiters. */
export const LIMITER_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'limiter/block': [{ returns: 'integer', item: [limiter, 1_000_000, 'abuse', 0] }],
  'limiter/list-block': [{ returns: 'integer', item: [limitBlocks, '{"subject":"ann","id":2}', 1] }],
  'limiter/unlist': [{ returns: 'integer', item: [limitBlocks, '{"subject":"ann","id":2}', 0] }],
  'limiter/blocks': [{ returns: 'list', item: [limitBlocks, '-', 10] }],
  'limiter/blocked': [{ returns: 'list', item: [limiter], before: [stateOf(0)] }],
  'limiter/unblock': [{ returns: 'integer', item: [limiter, 0, '', 0], before: [stateOf(0)] }],
  'limiter/charge': [
    {
      returns: 'list',
      shared: ['g 1 0 1 5 1000000 5000000 0'],
      item: [limiter, 5, 'lease', ''],
    },
    {
      returns: 'list',
      shared: ['g 1 0 1 5 1000000 5000000 0'],
      item: [limiter, -5, '1000000 5 1l', ''],
    },
    {
      returns: 'list',
      shared: [
        [
          'g 1 0 1 5 1000000 5000000 0',
          'f 1 0 2 5 1000000 0 0',
          'c 1 0 3 5 0 4000000000000000 5000000000000000',
          'w 1 0 4 5 1000000 1 0',
          'l 2 0 5 5 1000000 0 0',
          's 3 0 6 5 1000000 0 0',
        ].join('\n'),
      ],
      item: [limiter, log, slots, 1, 'take', 'lease'],
    },
    {
      returns: 'list',
      shared: ['g 1 0 1 5 1000000 5000000 0'],
      item: [limiter, 5, 'ban take,1 1000000 1000000 2.0 5000000 5000000 0,1,too many', ''],
      before: [
        [
          'EVAL',
          "redis.call('SET', KEYS[1], struct.pack('<ddddd', 1, 2 ^ 52, 1000000, 4e15, 5000000), 'PX', 1000)",
          1,
          limiter,
        ],
      ],
    },
  ],
  'limiter/explain': [{ returns: 'list', shared: ['l 1 0 5 5 1000000 0 0'], item: [log, 1] }],
  'limiter/declare': [
    {
      returns: 'list',
      before: [
        ['ZADD', limitDeclared, '9e15', '/day day of UTC', '9e15', '= day: fixed-window, 5 a day of UTC'],
      ],
      item: [limitDeclared, '/day day of UTC', 1_000_000, 'day: fixed-window, 6 a day of UTC', 1_000_000],
    },
  ],
  'limiter/lease': [
    {
      returns: 'integer',
      item: [slots, 'lease', 1_000_000],
      before: [
        ['ZADD', slots, '4000000000000000', 'lease'],
        ['PEXPIRE', slots, 1000],
      ],
    },
  ],
  'limiter/count-denied': [{ returns: 'integer', item: [limitDenied, '["minute ann",2]', 1, 100, 400_000] }],
  'limiter/denied': [{ returns: 'list', item: [limitDenied, 100] }],
  'limiter/register': [{ returns: 'integer', item: [limitRules, 'l//exact', 1_000_000] }],
  'limiter/registered': [{ returns: 'list', item: [limitRules] }],
  'limiter/reset': [
    { returns: 'list', item: [limiter, 'state'], before: [stateOf(0)] },
    { returns: 'null', item: [slots, 'slots'] },
  ],
  'limiter/take': TAKE,
  'limiter/take_for_entry': TAKE,
  'limiter/take-all': [
    { returns: 'integers', shared: [TWO_RULES], item: [limiter, 1] },
    { returns: 'string', shared: [TWO_RULES], item: [limiter, 1], before: [stateOf(0)] },
    { returns: 'null', shared: [TWO_RULES], item: [limiter, 1], before: [stateOf(2)] },
  ],
}
