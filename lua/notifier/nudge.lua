--- Send to who listens now, to the channel or to a pattern; keep nothing.
-- @batch 64
-- @full runs         it keeps nothing
-- @shared nudges    pub/sub channel of the same slot that has all nudges of the notifier
-- @item key live    pub/sub channel of who follows the channel
-- @item arg channel its name
-- @item arg type    the event's type
-- @item arg json    the event's data
-- @returns integer  how many connections were told

local function item(live, channel, type, json)
  local said = '\n' .. type .. '\n' .. json
  return redis.call('SPUBLISH', live, said) + redis.call('SPUBLISH', nudges, channel .. said)
end
