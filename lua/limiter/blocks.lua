--- A page of the list of blocks without an end.
-- @batch 8
-- @readonly
-- @include typed
-- @item key blocks   sorted set as in list-block.lua
-- @item arg after    bound of the first block, as ZRANGE BYLEX has it
-- @item arg limit    of blocks
-- @returns list      subjects and ids as JSON

local function item(blocks, after, limit)
  local damaged = typed(blocks, 'zset')
  if damaged then
    return damaged
  end
  return redis.call('ZRANGE', blocks, after, '+', 'BYLEX', 'LIMIT', 0, limit)
end
