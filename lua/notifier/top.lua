--- Read the position at the end of a channel's history; fix nothing.
-- @batch 64
-- @readonly
-- @include notifier/tagged
-- @item key history stream
-- @returns string   the last event's id; empty without a history

local function item(history)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  return last and tagged(last) or ''
end
