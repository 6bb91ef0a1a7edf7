--- Forget an id that was seen.
-- @batch 128
-- @full runs         it deletes
-- @shared keys keys  sorted set: id by the millisecond at which it was seen
-- @item arg id       the id
-- @returns integer   1 if it was there

local function item(id)
  return redis.pcall('ZREM', keys[1], id)
end
