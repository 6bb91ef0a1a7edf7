--- Read objects.
-- @batch 64
-- @readonly
-- @item key object   hash
-- @returns list      fields and values, in turn

local function item(object)
  return redis.call('HGETALL', object)
end
