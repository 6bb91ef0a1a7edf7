--- Publish events of a worker to all processes that watch its stream; store nothing.
-- @batch 16
-- @full runs         it stores nothing
-- @item key channel pub/sub channel
-- @item arg events  JSON list
-- @returns integer  how many connections got them

local function item(channel, events)
  return redis.call('SPUBLISH', channel, events)
end
