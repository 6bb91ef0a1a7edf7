--- Pause a group for all processes, or let it go on, and tell its workers to look.
--
-- Who does not hear of it looks within ten seconds: a user who may not publish can pause all the same.
-- @batch 16
-- @full runs         a way to take load off; one short key a group
-- @include now
-- @item key paused there while the group is paused, with the time since when
-- @item arg on     1 to pause
-- @item arg told   pub/sub channel of the same slot that the group's workers follow; no key, as it never exists
-- @returns integer 1 when it was otherwise before

local function item(paused, on, told)
  local changed
  if on == '1' then
    changed = redis.call('SET', paused, string.format('%.0f', math.floor(now / 1000)), 'NX') and 1 or 0
  else
    changed = redis.call('DEL', paused)
  end
  redis.pcall('SPUBLISH', told, '')
  return changed
end
