--- Extend the life of a history, because a process follows its channel.
-- @batch 64
-- @full runs         adds nothing
-- @shared lasts      milliseconds from now; a later expiry stays
-- @item key history  stream
-- @returns integer   1 if the expiry is later now

local function item(history)
  return redis.call('PEXPIRE', history, lasts, 'GT')
end
