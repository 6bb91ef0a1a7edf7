--- Pause a group for some time, in all processes.
--
-- A pause that an operator made, or a longer one, stays. A worker that does not get the message notices within ten seconds.
-- @batch 16
-- @full runs         pausing takes load off the server; one short key with a TTL for each group
-- @include now
-- @item key paused  exists while the group is paused; its value is the time of the pause
-- @item arg lasts   milliseconds
-- @item arg channel pub/sub channel, in the same slot, that the group's workers follow, p for a pause; not a key, because it never exists
-- @returns integer  1 when this changed the end of the pause

local function item(paused, lasts, channel)
  local left = redis.call('PTTL', paused)
  if left == -1 or left >= tonumber(lasts) then
    return 0
  end
  redis.call('SET', paused, string.format('%.0f', math.floor(now / 1000)), 'PX', lasts)
  redis.pcall('SPUBLISH', channel, 'p')
  return 1
end
