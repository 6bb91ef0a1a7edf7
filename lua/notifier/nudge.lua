--- Send to who listens now; keep nothing.
-- @batch 128
-- @item key live  pub/sub channel
-- @item arg type  the event's type
-- @item arg json  the event's data
-- @returns integer how many connections were told

local function item(live, type, json)
  return redis.call('SPUBLISH', live, '\n' .. type .. '\n' .. json)
end
