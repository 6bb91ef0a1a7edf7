--- Add a subject to the list of blocks without an end, or remove it.
--
-- The caller adds it before it blocks, and removes it after the block has ended. So no block without an end is missing in the list, also
-- when a process dies in between. A subject in the list may have no block.
-- @batch 64
-- @full refused      the block that follows is refused, too
-- @full runs as unlist  it deletes a member
-- @include typed
-- @item key blocks   sorted set of subjects as JSON, all with score 0
-- @item arg subject  JSON
-- @item arg add      1 to add it, 0 to remove it
-- @returns integer   1, or 0 when the list is full

local MOST = 100000

local function item(blocks, subject, add)
  local damaged = typed(blocks, 'zset')
  if damaged then
    return damaged
  end
  if add == '0' then
    redis.call('ZREM', blocks, subject)
    return 1
  end
  if redis.call('ZCARD', blocks) >= MOST and not redis.call('ZSCORE', blocks, subject) then
    return 0
  end
  redis.call('ZADD', blocks, 0, subject)
  return 1
end
