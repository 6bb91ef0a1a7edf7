--- Read the position at the end of a channel's history.
-- @batch 64
-- @readonly
-- @include tagged
-- @item key history stream
-- @returns string   the last event's id; 0-0 before any event

local function item(history)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  return last and tagged(last) or '0-0'
end
