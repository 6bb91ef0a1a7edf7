--- Add a block without an end to the list, or remove it.
--
-- Invariant: a block without an end is in the list. Each call that blocks adds an id of its own, then blocks with that id. A block is
-- removed from the list only after the subject's state no longer had it, under the id that the state had. So calls that block and
-- unblock a subject at the same time, and processes that die in between, can only leave an id in the list whose block is gone.
-- @batch 64
-- @full refused      the block that follows is refused, too
-- @full runs as unlist  it deletes a member
-- @include typed
-- @item key blocks   sorted set of subjects and ids as JSON, all with score 0
-- @item arg block    JSON
-- @item arg add      1 to add it, 0 to remove it
-- @returns integer   1, or 0 when the list is full

local MOST = 100000

local function item(blocks, block, add)
  local damaged = typed(blocks, 'zset')
  if damaged then
    return damaged
  end
  if add == '0' then
    redis.call('ZREM', blocks, block)
    return 1
  end
  if redis.call('ZCARD', blocks) >= MOST then
    return 0
  end
  redis.call('ZADD', blocks, 0, block)
  return 1
end
