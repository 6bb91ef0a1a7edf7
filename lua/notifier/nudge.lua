--- Send an event to the current listeners of a channel and of patterns; store nothing.
-- @batch 64
-- @full runs         it stores nothing
-- @shared nudges    pub/sub channel of all nudges of the notifier, in the same slot
-- @item key live    pub/sub channel of the channel's subscribers
-- @item arg channel its name
-- @item arg type    the event's type
-- @item arg json    the event's data
-- @returns integer  how many connections got it

local function item(live, channel, type, json)
  local text = '\n' .. type .. '\n' .. json
  return redis.call('SPUBLISH', live, text) + redis.call('SPUBLISH', nudges, channel .. text)
end
