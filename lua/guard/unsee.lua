--- Forget an id that was seen.
-- @batch 128
-- @full runs         it deletes
-- @item key seen     sorted set: id by the millisecond at which it was seen
-- @item arg id       the id
-- @returns integer   1 if it was there

local function item(seen, id)
  return redis.pcall('ZREM', seen, id)
end
