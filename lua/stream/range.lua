--- Read entries without taking part in a group.
-- @batch 1
-- @readonly
-- @item key stream  stream
-- @item arg from    first id, or - or +
-- @item arg to      last id, or - or +
-- @item arg count   entries at the most
-- @item arg order   XRANGE or XREVRANGE
-- @returns list     id and fields of each entry

local function item(stream, from, to, count, order)
  return redis.call(order, stream, from, to, 'COUNT', count)
end
