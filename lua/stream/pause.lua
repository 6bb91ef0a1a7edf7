--- Pause a group for all processes, or resume it, and send its workers a message.
--
-- A worker that does not get the message notices within ten seconds. So a Redis user that may not publish can pause too.
-- @batch 16
-- @full runs         pausing takes load off the server; one short key for each group
-- @include now
-- @item key paused exists while the group is paused; its value is the time of the pause
-- @item arg on     1 to pause, 0 to resume
-- @item arg channel pub/sub channel, in the same slot, that the group's workers follow, p for a pause; not a key, because it never exists
-- @returns integer 1 when this changed the group

local function item(paused, on, channel)
  local changed
  if on == '1' then
    -- One that ends by itself (hold.lua) becomes one without an end.
    changed = redis.call('PTTL', paused) ~= -1 and 1 or 0
    if changed == 1 then
      redis.call('SET', paused, string.format('%.0f', math.floor(now / 1000)))
    end
  else
    changed = redis.call('DEL', paused)
  end
  redis.pcall('SPUBLISH', channel, on == '1' and 'p' or '')
  return changed
end
