-- `finishing(stream, group, declared, id)`: acknowledges one entry of the stream for a group, as stream/acknowledge.lua does. A work queue
-- in which the group is the only one needs no question for each entry.
-- @include stream/groups
-- @lazy stream/acknowledge

-- Whether every group of the stream is this one: then it alone decides when an entry is deleted.
local alone

local function finishing(stream, group, declared, id)
  if declared ~= '-' and alone == nil then
    alone = declared == group and #groups(stream) == 1
  end
  if declared == '-' then
    redis.call('XACK', stream, group, id)
  elseif alone then
    redis.call('XACK', stream, group, id)
    redis.call('XDEL', stream, id)
  else
    load_acknowledge()(stream, group, declared, { id })
  end
end
