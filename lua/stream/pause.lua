--- Pause a group for all processes, or let it go on.
-- @batch 16
-- @full runs         a way to take load off; one short key a group
-- @include now
-- @item key paused there while the group is paused, with the time since when
-- @item arg on     1 to pause
-- @returns integer 1 when it was otherwise before

local function item(paused, on)
  if on == '1' then
    local made = redis.call('SET', paused, string.format('%.0f', math.floor(now / 1000)), 'NX')
    return made and 1 or 0
  end
  return redis.call('DEL', paused)
end
